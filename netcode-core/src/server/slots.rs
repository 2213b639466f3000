//! Client slots: connected clients, and disconnected ones with packets or events pending.
//!
//! A slot goes *free → connected → leaving → left → free*. It is *leaving* while disconnect packets
//! are due, and *left* until its events were taken, so an index is never reused before the server's
//! owner knows. The slot of a client that disconnects itself is free at once.
//!
//! From the end of a session until the slot's next client, a slot keeps the address of its last one,
//! so that late packets of an ended session are not counted as those of a stranger.

use zeroize::Zeroize;

use super::event::{DisconnectReason, Event};
use super::hash::HashKey;
use super::index::EntryId;
use super::peer::{Peer, Source};
use super::slot::{Slot, SlotState};
use super::table::{Hashes, KeyedTable, TableStorage};
use crate::identity::ClientId;
use crate::standard::REDUNDANT_DISCONNECTS;
use crate::time::Local;

/// Storage of `N` slots.
pub(crate) type SlotStorage<const N: usize> = TableStorage<Slot, N, 2, 0>;

/// The first index finds connected clients by address. The second finds connected clients by id,
/// and ended sessions by address, each address once.
pub(crate) type SlotTable<'s> = KeyedTable<'s, Slot, 2, 0>;

/// Time for which packets are taken for late ones of an ended session, microseconds: longer than
/// datagrams stay in transit.
const LATE: u64 = 5_000_000;

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
        let is = |slot: &Slot| slot.is_connected() && slot.session.client_id == client_id;
        self.table.find(by_id, hash, is).next()
    }

    /// Slot that was the last one of an address whose client is no longer connected in it.
    fn find_ended(&self, peer: Peer, hash: u64) -> Option<usize> {
        let [_, ended] = &self.table.indexes;
        let is = move |slot: &Slot| !slot.is_connected() && slot.session.peer == peer;
        self.table.find(ended, hash, is).next()
    }

    /// Returns `true` if a packet that arrives at `now` may be a late one of an ended session.
    pub(crate) fn is_late(&self, now: Local, source: &Source) -> bool {
        let id = self.find_ended(source.peer, source.hash);
        let slot = id.and_then(|id| self.table.get(id));
        slot.is_some_and(|slot| now.since(slot.last_received) < LATE)
    }

    /// Gives a free slot to a client, if there is one.
    pub(crate) fn join(&mut self, slot: Slot, source: &Source) -> Option<usize> {
        let (due, hashes) = (slot.keep_alive_at, self.hashes(&slot, Some(source.hash)));
        self.forget_next();
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
        self.forget_next();
        let id = self.table.insert(slot, &hashes)?;
        self.connected_count = self.connected_count.saturating_add(1);
        self.queue_event(id);
        Some(id)
    }

    /// Forgets the last session of the slot that is given away next.
    fn forget_next(&mut self) {
        if let Some(id) = self.table.next_free() {
            self.table.unlink(id);
        }
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
    pub(crate) fn free(&mut self, now: Local, id: usize) {
        self.end(now, id, SlotState::Left);
        self.table.free(id);
    }

    /// Ends a connected client's session; its disconnect packets and event become pending. `false`
    /// if no client is connected in the slot.
    pub(crate) fn leave(&mut self, now: Local, id: usize, reason: DisconnectReason) -> bool {
        let Some(slot) = self.connected_mut(id) else {
            return false;
        };
        slot.owes_disconnected = Some(reason);
        let disconnects_left = if slot.is_loopback() {
            0
        } else {
            REDUNDANT_DISCONNECTS
        };
        self.end(now, id, SlotState::Leaving { disconnects_left });
        self.table.set_due(id, Local::ZERO);
        self.queue_event(id);
        self.settle(id);
        true
    }

    /// Takes a connected client out of the indexes, and enters its address as that of an ended
    /// session.
    fn end(&mut self, now: Local, id: usize, state: SlotState) {
        self.table.unlink(id);
        self.connected_count = self.connected_count.saturating_sub(1);
        let hash_key = self.table.hash_key;
        let Some(slot) = self.table.get_mut(id) else {
            return;
        };
        slot.state = state;
        slot.last_received = now;
        let peer = slot.session.peer;
        // An address that was entered once more for each of its sessions would make chains long.
        if let Some(older) = self.find_ended(peer, peer.hash(hash_key)) {
            self.table.unlink(older);
        }
        self.table.link(id);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::session::Session;

    fn source(port: u16) -> Source {
        Source::new(([10, 0, 0, 2], port).into(), HashKey::NONE)
    }

    fn join(slots: &mut Slots<'_>, port: u16) -> usize {
        let session = Session {
            client_id: ClientId(port.into()),
            peer: source(port).peer,
            ..Session::EMPTY
        };
        let slot = Slot::new(session, &[0; 256], 0, Local::ZERO);
        slots.join(slot, &source(port)).unwrap()
    }

    #[test]
    fn a_lookup_ends_at_its_own_key_where_all_hashes_are_the_same() {
        // With a single bucket, every lookup meets every entry.
        let mut storage = SlotStorage::<1>::EMPTY;
        let mut slots = Slots::new(storage.table());
        slots.reset(1, HashKey::NONE);
        assert_eq!(join(&mut slots, 1), 0);
        assert_eq!(slots.find_by_id(ClientId(1)), Some(0));
        assert_eq!(slots.find_by_id(ClientId(2)), None);
        assert!(!slots.is_late(Local::ZERO, &source(1)));
        slots.free(Local::ZERO, 0);
        // An empty slot has the id zero.
        assert_eq!(slots.find_by_id(ClientId(0)), None);
        assert!(slots.is_late(Local::ZERO, &source(1)));
        assert!(!slots.is_late(Local::ZERO, &source(2)));
        assert_eq!(join(&mut slots, 2), 0);
        assert_eq!(slots.find_by_id(ClientId(2)), Some(0));
        assert!(!slots.is_late(Local::ZERO, &source(1)));
    }

    #[test]
    fn an_address_is_that_of_one_ended_session_whatever_slots_it_had() {
        let mut storage = SlotStorage::<3>::EMPTY;
        let mut slots = Slots::new(storage.table());
        slots.reset(3, HashKey::NONE);
        // The slot that was freed last is taken first: each time one more is left to the wanderer.
        for port in 1..=3 {
            join(&mut slots, port);
        }
        for id in 0..3 {
            slots.free(Local::ZERO, id);
            assert_eq!(join(&mut slots, 9), id);
            slots.free(Local::ZERO, id);
        }
        let wanderer = source(9);
        let [_, ended] = &slots.table.indexes;
        let is = |slot: &Slot| slot.session.peer == wanderer.peer;
        let found: std::vec::Vec<_> = slots.table.find(ended, wanderer.hash, is).collect();
        assert_eq!(found, [2]);
    }
}
