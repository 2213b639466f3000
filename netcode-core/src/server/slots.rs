//! Client slots: who is connected, and who is still being told that it is over.
//!
//! A slot goes *free → connected → leaving → left → free*. It leaves while its disconnect packets
//! go out, and has left until its events were taken, so an index never changes hands behind its
//! owner's back.

use zeroize::Zeroize;

use super::column::Column;
use super::event::DisconnectReason;
use super::hash::HashKey;
use super::index::Link;
use super::peer::{Peer, Source};
use super::session::Session;
use super::table::{Columns, Entry, Hashes, KeyedTable, TableStorage};
use crate::identity::{ClientId, UserData};
use crate::replay::ReplayWindow;
use crate::standard::SEND_INTERVAL_MICROS;
use crate::stats::Traffic;
use crate::time::Local;

/// Room for `N` clients.
pub(crate) type SlotStorage<const N: usize> = TableStorage<Slot, N, 2, 0>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    Free,
    Connected {
        /// The client has shown that it knows its slot.
        confirmed: bool,
    },
    Leaving {
        /// Disconnect packets owed.
        disconnects_left: u8,
    },
    /// Events are owed.
    Left,
}

/// One client. No gaps between its fields.
pub(crate) struct Slot {
    pub(crate) user_data: UserData,
    pub(crate) session: Session,
    pub(crate) replay: ReplayWindow,
    pub(crate) traffic: Traffic,
    /// Of the next packet.
    pub(crate) sequence: u64,
    pub(crate) last_sent: Local,
    pub(crate) last_received: Local,
    next_event: Link,
    pub(crate) state: SlotState,
    pub(crate) owes_connected: bool,
    pub(crate) owes_disconnected: Option<DisconnectReason>,
}

impl Slot {
    /// A client that has just got its slot. `sequence` is that of its first packet.
    pub(crate) fn new(session: Session, user_data: &[u8; 256], sequence: u64, now: Local) -> Self {
        Self {
            user_data: UserData(*user_data),
            state: SlotState::Connected {
                confirmed: session.peer == Peer::NONE,
            },
            session,
            sequence,
            last_sent: now,
            last_received: now,
            owes_connected: true,
            ..Self::EMPTY
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, SlotState::Connected { .. })
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.state == SlotState::Connected { confirmed: true }
    }

    /// When silence ends the session, if it does. A client that has not shown that it knows its slot
    /// may be silent no longer than a handshake takes, also where its token sets no timeout: nobody
    /// may be there.
    pub(crate) fn times_out_at(&self, handshake: u64) -> Option<Local> {
        let limit = match self.session.timeout.as_micros() {
            Some(limit) => limit,
            None if !self.is_confirmed() => handshake,
            None => return None,
        };
        Some(self.last_received.after(limit))
    }

    pub(crate) fn keep_alive_at(&self) -> Local {
        self.last_sent.after(SEND_INTERVAL_MICROS)
    }

    /// When the slot wants to be looked at again.
    pub(crate) fn due_at(&self, handshake: u64) -> Local {
        let keep_alive = self.keep_alive_at();
        self.times_out_at(handshake)
            .map_or(keep_alive, |timeout| timeout.min(keep_alive))
    }

    /// Whether the client is in this process: it then has no address.
    pub(crate) fn is_loopback(&self) -> bool {
        self.session.peer == Peer::NONE
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
        sequence: 0,
        last_sent: Local::ZERO,
        last_received: Local::ZERO,
        next_event: Link::NONE,
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

/// All slots, with their owed events.
pub(crate) struct Slots<'s> {
    pub(crate) table: KeyedTable<'s, Slot, 2>,
    usable: usize,
    pub(crate) connected: usize,
    first_event: Link,
    last_event: Link,
}

impl<'s> Slots<'s> {
    pub(crate) fn new(columns: Columns<'s, Slot, 2, 0>) -> Self {
        Self {
            table: KeyedTable::new(
                columns.entries,
                columns.hooks,
                columns.waits,
                Column::Borrowed(&mut []),
            ),
            usable: 0,
            connected: 0,
            first_event: Link::NONE,
            last_event: Link::NONE,
        }
    }

    /// Empties everything; the first `usable` slots can be joined.
    pub(crate) fn reset(&mut self, usable: usize, hash_key: HashKey) {
        self.table.reset(usable, hash_key);
        self.usable = usable;
        self.connected = 0;
        self.first_event = Link::NONE;
        self.last_event = Link::NONE;
    }

    /// Whether nobody can join before a client leaves. A slot whose last client has left counts as
    /// free here even while packets or events are still owed for it.
    pub(crate) fn is_full(&self) -> bool {
        self.connected >= self.usable
    }

    /// Whether every slot is free: nobody connected, nothing owed.
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

    /// The slot of a connected client.
    pub(crate) fn find_by_source(&self, source: &Source) -> Option<usize> {
        let [by_address, _] = &self.table.indexes;
        self.table
            .find(by_address, source.hash, |slot| {
                slot.session.peer == source.peer
            })
            .next()
    }

    /// The slot of a connected client.
    pub(crate) fn find_by_id(&self, client_id: ClientId) -> Option<usize> {
        let hash = self.table.hash_key.hash_id(client_id);
        let [_, by_id] = &self.table.indexes;
        self.table
            .find(by_id, hash, |slot| slot.session.client_id == client_id)
            .next()
    }

    /// Gives a free slot to a client, if there is one, and owes the event that says so. A loopback
    /// client has no address.
    pub(crate) fn join(&mut self, slot: Slot, address_hash: Option<u64>) -> Option<usize> {
        // A timeout that is shorter than the interval of keep-alives is found with the first one.
        // Silence of a local player means nothing.
        let due = (!slot.is_loopback()).then(|| slot.keep_alive_at());
        let by_id = self.table.hash_key.hash_id(slot.session.client_id);
        let hashes = Hashes {
            keys: [address_hash, Some(by_id)],
            sources: None,
        };
        let id = self.table.insert(slot, &hashes)?;
        if let Some(due) = due {
            self.table.set_due(id, due);
        }
        self.connected = self.connected.saturating_add(1);
        self.queue_event(id);
        Some(id)
    }

    /// Ends a connected client's session; `disconnects` packets that say so are owed first. False
    /// if nobody is connected there.
    pub(crate) fn leave(&mut self, id: usize, reason: DisconnectReason, disconnects: u8) -> bool {
        let Some(slot) = self.connected_mut(id) else {
            return false;
        };
        slot.state = SlotState::Leaving {
            disconnects_left: if slot.is_loopback() { 0 } else { disconnects },
        };
        slot.owes_disconnected = Some(reason);
        self.table.unlink(id);
        self.table.set_due(id, Local::ZERO);
        self.connected = self.connected.saturating_sub(1);
        self.queue_event(id);
        self.settle(id);
        true
    }

    /// Moves a slot on that owes no more packets, or no more events.
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

    fn queue_event(&mut self, id: usize) {
        let last = self.last_event.get();
        if self.is_queued(id) {
            return;
        }
        match last.and_then(|last| self.table.get_mut(last)) {
            Some(last) => last.next_event = Link::to(id),
            None => self.first_event = Link::to(id),
        }
        self.last_event = Link::to(id);
    }

    fn is_queued(&self, id: usize) -> bool {
        let slot = self.table.get(id);
        let linked = slot.is_some_and(|slot| slot.next_event != Link::NONE);
        linked || self.last_event == Link::to(id)
    }

    /// The slot whose event is next.
    pub(crate) fn first_event(&self) -> Option<usize> {
        self.first_event.get()
    }

    /// Takes the first slot out of the queue if it owes no more events.
    pub(crate) fn settle_first_event(&mut self, id: usize) {
        let Some(slot) = self.table.get_mut(id) else {
            return;
        };
        if slot.owes_event() {
            return;
        }
        self.first_event = core::mem::replace(&mut slot.next_event, Link::NONE);
        if self.first_event == Link::NONE {
            self.last_event = Link::NONE;
        }
        self.settle(id);
    }
}
