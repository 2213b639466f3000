//! Client slots: connected clients, and disconnected ones with packets or events pending.
//!
//! A slot goes *free → connected → leaving → left → free*. It is *leaving* while disconnect packets
//! are due, and *left* until its events were taken, so an index is never reused before the server's
//! owner knows. The slot of a client that disconnects itself is free at once.

use zeroize::Zeroize;

use super::event::{DisconnectReason, Event};
use super::hash::HashKey;
use super::index::EntryId;
use super::peer::{Peer, Source};
use super::session::Session;
use super::table::{Entry, Hashes, KeyedTable, TableStorage};
use crate::identity::{ClientId, ClientIndex, UserData};
use crate::replay::ReplayWindow;
use crate::standard::REDUNDANT_DISCONNECTS;
use crate::stats::{RoundTrip, Traffic};
use crate::time::Local;

/// Storage of `N` slots.
pub(crate) type SlotStorage<const N: usize> = TableStorage<Slot, N, 2, 0>;

pub(crate) type SlotTable<'s> = KeyedTable<'s, Slot, 2, 0>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    Free,
    Connected {
        /// A packet of the session has arrived, which shows that the client knows its slot.
        confirmed: bool,
    },
    Leaving {
        /// Disconnect packets not yet sent.
        disconnects_left: u8,
    },
    /// Events are pending.
    Left,
}

/// Slot of one client. The fields leave no padding.
pub(crate) struct Slot {
    pub(crate) user_data: UserData,
    pub(crate) session: Session,
    pub(crate) replay: ReplayWindow,
    pub(crate) traffic: Traffic,
    pub(crate) round_trip: RoundTrip,
    /// Sequence of the next packet.
    pub(crate) sequence: u64,
    pub(crate) keep_alive_at: Local,
    pub(crate) last_received: Local,
    pub(crate) state: SlotState,
    owes_connected: bool,
    owes_disconnected: Option<DisconnectReason>,
}

impl Slot {
    /// Slot of a new client, whose first keep-alive is due at once. `sequence` is that of its first
    /// packet.
    pub(crate) fn new(session: Session, user_data: &[u8; 256], sequence: u64, now: Local) -> Self {
        Self {
            user_data: UserData(*user_data),
            session,
            sequence,
            keep_alive_at: now,
            last_received: now,
            state: SlotState::Connected { confirmed: false },
            ..Self::EMPTY
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, SlotState::Connected { .. })
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.state == SlotState::Connected { confirmed: true }
    }

    /// Time at which the session times out, if it does. If the token disables the timeout, the
    /// limit of a handshake applies until the client is confirmed, because its address may be
    /// unreachable.
    pub(crate) fn times_out_at(&self, handshake: u64) -> Option<Local> {
        let limit = match self.session.timeout.as_micros() {
            Some(limit) => limit,
            None if !self.is_confirmed() => handshake,
            None => return None,
        };
        Some(self.last_received.after(limit))
    }

    /// Time of the slot's next action.
    pub(crate) fn due_at(&self, handshake: u64) -> Local {
        let timeout = self.times_out_at(handshake);
        timeout.map_or(self.keep_alive_at, |at| at.min(self.keep_alive_at))
    }

    /// Returns `true` for a loopback client, which has no address.
    pub(crate) fn is_loopback(&self) -> bool {
        self.session.peer == Peer::NONE
    }

    pub(crate) fn connected(&self, id: usize) -> Event {
        Event::Connected {
            client: ClientIndex::of_slot(id),
            client_id: self.session.client_id,
        }
    }

    pub(crate) fn disconnected(&self, id: usize, reason: DisconnectReason) -> Event {
        Event::Disconnected {
            client: ClientIndex::of_slot(id),
            client_id: self.session.client_id,
            reason,
        }
    }

    fn owes_event(&self) -> bool {
        self.owes_connected || self.owes_disconnected.is_some()
    }
}

impl Entry<2> for Slot {
    type Deadline = Local;

    const EMPTY: Self = Self {
        user_data: UserData::ZERO,
        session: Session::EMPTY,
        replay: ReplayWindow::EMPTY,
        traffic: Traffic::ZERO,
        round_trip: RoundTrip::UNKNOWN,
        sequence: 0,
        keep_alive_at: Local::ZERO,
        last_received: Local::ZERO,
        state: SlotState::Free,
        owes_connected: false,
        owes_disconnected: None,
    };

    fn hashes(&self, hash_key: HashKey) -> Hashes<2> {
        let by_address = (!self.is_loopback()).then(|| self.session.peer.hash(hash_key));
        let by_id = hash_key.hash_id(self.session.client_id);
        Hashes {
            keys: [by_address, Some(by_id)],
            sources: None,
        }
    }

    fn wipe(&mut self) {
        // Dropping the keys wipes them.
        self.user_data.zeroize();
        *self = Self::EMPTY;
    }
}

/// All slots, with their pending events.
pub(crate) struct Slots<'s> {
    pub(crate) table: SlotTable<'s>,
    usable: usize,
    pub(crate) connected_count: u32,
    /// Queue of slots with pending events. None of them is in the index by address, because its
    /// client has left or is a loopback client, so the links of that index serve the queue.
    first_event: EntryId,
    last_event: EntryId,
    replaced: Option<Replaced>,
}

/// Slot of the last replaced session, until its events were taken.
struct Replaced {
    id: usize,
    /// The *disconnected* event of the old session was taken.
    told: bool,
}

impl<'s> Slots<'s> {
    pub(crate) fn new(table: SlotTable<'s>) -> Self {
        Self {
            table,
            usable: 0,
            connected_count: 0,
            first_event: EntryId::NONE,
            last_event: EntryId::NONE,
            replaced: None,
        }
    }

    /// Frees all slots; the first `usable` ones can be joined.
    pub(crate) fn reset(&mut self, usable: usize, hash_key: HashKey) {
        self.table.reset(usable, hash_key);
        self.usable = usable;
        self.connected_count = 0;
        self.first_event = EntryId::NONE;
        self.last_event = EntryId::NONE;
        self.replaced = None;
    }

    /// Returns `true` if no client can join before another one leaves. A slot whose client has left
    /// counts as free here, even while its packets or events are pending.
    pub(crate) fn is_full(&self) -> bool {
        self.connected_count as usize >= self.usable
    }

    /// Returns `true` if every slot is free: no client connected, nothing pending.
    pub(crate) fn all_free(&self) -> bool {
        self.table.used == 0
    }

    pub(crate) fn connected(&self, id: usize) -> Option<&Slot> {
        self.table.get(id).filter(|slot| slot.is_connected())
    }

    pub(crate) fn connected_mut(&mut self, id: usize) -> Option<&mut Slot> {
        self.table.get_mut(id).filter(|slot| slot.is_connected())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Slot)> + '_ {
        let slots = self.table.entries.iter().enumerate();
        slots.filter(|(_, slot)| slot.is_connected())
    }

    /// Slot of the connected client at an address.
    pub(crate) fn find_by_source(&self, source: &Source) -> Option<usize> {
        let [by_address, _] = &self.table.indexes;
        let is = |slot: &Slot| slot.session.peer == source.peer;
        self.table.find(by_address, source.hash, is).next()
    }

    /// Slot of the connected client with an id.
    pub(crate) fn find_by_id(&self, client_id: ClientId) -> Option<usize> {
        let [_, by_id] = &self.table.indexes;
        let hash = self.table.hash_key.hash_id(client_id);
        let is = |slot: &Slot| slot.session.client_id == client_id;
        self.table.find(by_id, hash, is).next()
    }

    /// Gives a free slot to a client, if there is one.
    pub(crate) fn join(&mut self, slot: Slot, source: &Source) -> Option<usize> {
        let (due, hashes) = (slot.keep_alive_at, self.hashes(&slot, Some(source.hash)));
        let id = self.table.insert(slot, &hashes)?;
        self.table.set_due(id, due);
        self.connected_count = self.connected_count.saturating_add(1);
        Some(id)
    }

    /// Gives a free slot to a loopback client, if there is one, and queues its *connected* event.
    /// The client has no deadline, as it never times out.
    pub(crate) fn join_loopback(&mut self, mut slot: Slot) -> Option<usize> {
        slot.state = SlotState::Connected { confirmed: true };
        slot.owes_connected = true;
        let hashes = self.hashes(&slot, None);
        let id = self.table.insert(slot, &hashes)?;
        self.connected_count = self.connected_count.saturating_add(1);
        self.queue_event(id);
        Some(id)
    }

    /// Gives a connected client's slot to its next session, and makes the events of both pending.
    pub(crate) fn replace(&mut self, id: usize, slot: Slot, source: &Source) {
        let (due, hashes) = (slot.keep_alive_at, self.hashes(&slot, Some(source.hash)));
        self.table.replace(id, slot, &hashes);
        self.table.set_due(id, due);
        self.replaced = Some(Replaced { id, told: false });
    }

    /// Slot of a replaced session with pending events.
    pub(crate) fn replaced(&self) -> Option<usize> {
        self.replaced.as_ref().map(|replaced| replaced.id)
    }

    fn hashes(&self, slot: &Slot, by_address: Option<u64>) -> Hashes<2> {
        let by_id = self.table.hash_key.hash_id(slot.session.client_id);
        Hashes {
            keys: [by_address, Some(by_id)],
            sources: None,
        }
    }

    /// Ends the session of a client that sent a disconnect packet, and frees the slot.
    pub(crate) fn free(&mut self, id: usize) {
        self.table.remove(id);
        self.connected_count = self.connected_count.saturating_sub(1);
    }

    /// Ends a connected client's session; its disconnect packets and event become pending. `false`
    /// if no client is connected in the slot.
    pub(crate) fn leave(&mut self, id: usize, reason: DisconnectReason) -> bool {
        let Some(slot) = self.connected_mut(id) else {
            return false;
        };
        slot.state = SlotState::Leaving {
            disconnects_left: if slot.is_loopback() {
                0
            } else {
                REDUNDANT_DISCONNECTS
            },
        };
        slot.owes_disconnected = Some(reason);
        self.table.unlink(id);
        self.table.set_due(id, Local::ZERO);
        self.connected_count = self.connected_count.saturating_sub(1);
        self.queue_event(id);
        self.settle(id);
        true
    }

    /// Advances the state of a slot without pending packets, or without pending events.
    pub(crate) fn settle(&mut self, id: usize) {
        let Some(slot) = self.table.get_mut(id) else {
            return;
        };
        if slot.state
            == (SlotState::Leaving {
                disconnects_left: 0,
            })
        {
            slot.state = SlotState::Left;
            slot.session.keys.zeroize();
        }
        let left = slot.state == SlotState::Left;
        let done = left && !slot.owes_event();
        if left {
            self.table.cancel_due(id);
        }
        if done {
            self.table.free(id);
        }
    }

    /// Queues a slot with a pending event, if it is not queued.
    fn queue_event(&mut self, id: usize) {
        let [links, _] = &mut self.table.indexes;
        if self.last_event == EntryId::to(id) || links.next(id) != EntryId::NONE {
            return;
        }
        match self.last_event.get() {
            Some(last) => links.set_next(last, EntryId::to(id)),
            None => self.first_event = EntryId::to(id),
        }
        self.last_event = EntryId::to(id);
    }

    /// Takes the next pending event.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        // Datagrams are processed after the queue was drained, so events of a replacement are older
        // than those in the queue.
        if let Some(Replaced { id, told }) = self.replaced {
            let slot = self.table.get(id)?;
            self.replaced = (!told).then_some(Replaced { id, told: true });
            return Some(match told {
                false => slot.disconnected(id, DisconnectReason::Replaced),
                true => slot.connected(id),
            });
        }
        let id = self.first_event.get()?;
        let slot = self.table.get_mut(id)?;
        let event = if core::mem::take(&mut slot.owes_connected) {
            Some(slot.connected(id))
        } else {
            let reason = slot.owes_disconnected.take();
            reason.map(|reason| slot.disconnected(id, reason))
        };
        if !slot.owes_event() {
            let [links, _] = &mut self.table.indexes;
            self.first_event = links.next(id);
            links.set_next(id, EntryId::NONE);
            if self.first_event == EntryId::NONE {
                self.last_event = EntryId::NONE;
            }
            self.settle(id);
        }
        event
    }
}
