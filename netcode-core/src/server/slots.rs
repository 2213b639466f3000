//! Client slots: who is connected, and who is still being told that it is over.
//!
//! A slot goes *free → connected → leaving → left → free*. It leaves while its disconnect packets
//! go out, and has left until its events were taken, so an index never changes hands behind its
//! owner's back.

use core::net::SocketAddr;

use zeroize::Zeroize;

use super::event::DisconnectReason;
use super::index::{HashKey, Index, Link};
use super::peer::Peer;
use super::storage::{IndexTables, Table, TimerTables};
use super::timers::Timers;
use crate::crypto::SessionKeys;
use crate::identity::{ClientId, Timeout, UserData};
use crate::replay::ReplayWindow;
use crate::standard::SEND_INTERVAL_MICROS;
use crate::stats::{RoundTrip, Traffic};
use crate::time::Local;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SlotState {
    Free,
    Connected,
    /// Disconnect packets are owed.
    Leaving,
    /// Events are owed.
    Left,
}

/// One client. The order of the fields leaves no gaps.
pub(crate) struct Slot {
    pub(crate) user_data: UserData,
    pub(crate) keys: SessionKeys,
    pub(crate) replay: ReplayWindow,
    pub(crate) traffic: Traffic,
    pub(crate) round_trip: RoundTrip,
    pub(crate) client_id: ClientId,
    /// Of the next packet.
    pub(crate) sequence: u64,
    pub(crate) last_sent: Local,
    pub(crate) last_received: Local,
    pub(crate) timeout: Timeout,
    next_event: Link,
    pub(crate) peer: Peer,
    pub(crate) state: SlotState,
    pub(crate) confirmed: bool,
    pub(crate) farewells: u8,
    pub(crate) owes_connected: bool,
    pub(crate) owes_disconnected: Option<DisconnectReason>,
}

impl Slot {
    pub(crate) const EMPTY: Self = Self {
        user_data: UserData::ZERO,
        keys: SessionKeys::EMPTY,
        replay: ReplayWindow::EMPTY,
        traffic: Traffic::ZERO,
        round_trip: RoundTrip::UNKNOWN,
        client_id: ClientId(0),
        sequence: 0,
        last_sent: Local::ZERO,
        last_received: Local::ZERO,
        timeout: Timeout::from_secs(0),
        next_event: Link::NONE,
        peer: Peer::NONE,
        state: SlotState::Free,
        confirmed: false,
        farewells: 0,
        owes_connected: false,
        owes_disconnected: None,
    };

    /// When silence ends the session, if it does. A client that has not shown that it knows its slot
    /// may be silent no longer than a handshake takes, also where its token sets no timeout: nobody
    /// may be there.
    pub(crate) fn times_out_at(&self, handshake: u64) -> Option<Local> {
        let limit = match self.timeout.as_micros() {
            Some(limit) => limit,
            None if !self.confirmed => handshake,
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
        self.peer == Peer::NONE
    }

    fn owes_event(&self) -> bool {
        self.owes_connected || self.owes_disconnected.is_some()
    }

    fn wipe(&mut self) {
        self.keys.zeroize();
        self.user_data.zeroize();
        *self = Self::EMPTY;
    }
}

/// Who gets a slot, and with what. A loopback client has no peer.
pub(crate) struct Joining<'j> {
    pub(crate) peer: Peer,
    pub(crate) client_id: ClientId,
    pub(crate) keys: SessionKeys,
    pub(crate) timeout: Timeout,
    pub(crate) user_data: &'j [u8; 256],
    /// Of the first packet.
    pub(crate) sequence: u64,
    pub(crate) now: Local,
}

/// All slots with their indexes, timers and owed events.
pub(crate) struct Slots<'s> {
    slots: Table<'s, Slot>,
    by_address: Index<'s>,
    by_id: Index<'s>,
    pub(crate) timers: Timers<'s>,
    hash_key: HashKey,
    usable: usize,
    connected: usize,
    first_event: Link,
    last_event: Link,
}

impl<'s> Slots<'s> {
    pub(crate) fn new(
        slots: Table<'s, Slot>,
        by_address: IndexTables<'s>,
        by_id: IndexTables<'s>,
        timers: TimerTables<'s>,
    ) -> Self {
        Self {
            slots,
            by_address: Index::new(by_address),
            by_id: Index::new(by_id),
            timers: Timers::new(timers),
            hash_key: HashKey(0, 0),
            usable: 0,
            connected: 0,
            first_event: Link::NONE,
            last_event: Link::NONE,
        }
    }

    /// Empties everything; the first `usable` slots can be joined.
    pub(crate) fn reset(&mut self, usable: usize, hash_key: HashKey) {
        self.slots.iter_mut().for_each(Slot::wipe);
        self.by_address.reset(usable);
        self.by_id.reset(0);
        self.timers.reset();
        self.hash_key = hash_key;
        self.usable = usable;
        self.connected = 0;
        self.first_event = Link::NONE;
        self.last_event = Link::NONE;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn connected_count(&self) -> usize {
        self.connected
    }

    /// Whether nobody can join before a client leaves. A slot whose last client has left counts as
    /// free here even while packets or events are still owed for it.
    pub(crate) fn is_full(&self) -> bool {
        self.connected >= self.usable
    }

    /// Whether a slot can be joined now.
    pub(crate) fn has_free(&self) -> bool {
        self.by_address.has_free()
    }

    /// Whether every slot is free: nobody connected, nothing owed.
    pub(crate) fn all_free(&self) -> bool {
        self.connected == 0
            && self.first_event == Link::NONE
            && self.slots.iter().all(|slot| slot.state == SlotState::Free)
    }

    pub(crate) fn get(&self, id: usize) -> Option<&Slot> {
        self.slots.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: usize) -> Option<&mut Slot> {
        self.slots.get_mut(id)
    }

    pub(crate) fn connected(&self, id: usize) -> Option<&Slot> {
        self.slots
            .get(id)
            .filter(|slot| slot.state == SlotState::Connected)
    }

    pub(crate) fn connected_mut(&mut self, id: usize) -> Option<&mut Slot> {
        self.slots
            .get_mut(id)
            .filter(|slot| slot.state == SlotState::Connected)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Slot)> + '_ {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| slot.state == SlotState::Connected)
    }

    #[cfg(test)]
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        self.hash_key.hash(bytes)
    }

    pub(crate) fn find_by_address(&self, address: &SocketAddr) -> Option<usize> {
        let peer = Peer::new(address);
        let mut found = self
            .by_address
            .candidates(self.hash_key.hash(peer.as_bytes()));
        found.find(|&id| self.slots.get(id).is_some_and(|slot| slot.peer == peer))
    }

    pub(crate) fn find_by_id(&self, client_id: ClientId) -> Option<usize> {
        let mut found = self
            .by_id
            .candidates(self.hash_key.hash(&client_id.0.to_le_bytes()));
        found.find(|&id| {
            self.slots
                .get(id)
                .is_some_and(|slot| slot.client_id == client_id)
        })
    }

    /// Gives a free slot to a client and owes the event that says so.
    pub(crate) fn join(&mut self, joining: Joining<'_>) -> Option<usize> {
        let id = self.by_address.take_free()?;
        let slot = self.slots.get_mut(id)?;
        *slot = Slot {
            user_data: UserData(*joining.user_data),
            keys: joining.keys,
            client_id: joining.client_id,
            sequence: joining.sequence,
            last_sent: joining.now,
            last_received: joining.now,
            timeout: joining.timeout,
            peer: joining.peer,
            state: SlotState::Connected,
            owes_connected: true,
            ..Slot::EMPTY
        };
        // A timeout that is shorter than the interval of keep-alives is found with the first one.
        let due = slot.keep_alive_at();
        let loopback = slot.is_loopback();
        slot.confirmed = loopback;
        if loopback {
            // Nobody looks a local player up by address, and silence means nothing.
        } else {
            self.by_address
                .insert(self.hash_key.hash(joining.peer.as_bytes()), id);
            self.timers.set(id, due.0);
        }
        self.by_id
            .insert(self.hash_key.hash(&joining.client_id.0.to_le_bytes()), id);
        self.connected = self.connected.saturating_add(1);
        self.queue_event(id);
        Some(id)
    }

    /// Ends a connected client's session; `farewells` disconnect packets are owed first.
    pub(crate) fn leave(&mut self, id: usize, reason: DisconnectReason, farewells: u8) {
        let Some(slot) = self.connected_mut(id) else {
            return;
        };
        slot.state = SlotState::Leaving;
        slot.farewells = if slot.is_loopback() { 0 } else { farewells };
        slot.owes_disconnected = Some(reason);
        let (peer, client_id, loopback) = (slot.peer, slot.client_id, slot.is_loopback());
        if !loopback {
            self.by_address
                .remove(self.hash_key.hash(peer.as_bytes()), id);
        }
        self.by_id
            .remove(self.hash_key.hash(&client_id.0.to_le_bytes()), id);
        self.connected = self.connected.saturating_sub(1);
        self.queue_event(id);
        self.timers.set(id, Local::ZERO.0);
        self.settle(id);
    }

    /// Moves a slot on that owes no more packets, or no more events.
    pub(crate) fn settle(&mut self, id: usize) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        if slot.state == SlotState::Leaving && slot.farewells == 0 {
            slot.state = SlotState::Left;
            slot.keys.zeroize();
            self.timers.cancel(id);
        }
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        if slot.state == SlotState::Left && !slot.owes_event() {
            slot.wipe();
            self.by_address.give_back(id);
        }
    }

    fn queue_event(&mut self, id: usize) {
        let last = self.last_event.get();
        if self.is_queued(id) {
            return;
        }
        match last.and_then(|last| self.slots.get_mut(last)) {
            Some(last) => last.next_event = Link::to(id),
            None => self.first_event = Link::to(id),
        }
        self.last_event = Link::to(id);
    }

    fn is_queued(&self, id: usize) -> bool {
        let linked = self
            .slots
            .get(id)
            .is_some_and(|slot| slot.next_event != Link::NONE);
        linked || self.last_event == Link::to(id)
    }

    /// The slot whose event is next.
    pub(crate) fn first_event(&self) -> Option<usize> {
        self.first_event.get()
    }

    /// Takes the first slot out of the queue if it owes no more events.
    pub(crate) fn settle_first_event(&mut self, id: usize) {
        let Some(slot) = self.slots.get_mut(id) else {
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

// The table may be a static, which nothing drops.
impl Drop for Slots<'_> {
    fn drop(&mut self) {
        self.slots.iter_mut().for_each(Slot::wipe);
    }
}
