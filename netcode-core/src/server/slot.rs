//! Slot of one client: its session and everything counted for it.

use zeroize::Zeroize;

use super::event::{DisconnectReason, Event};
use super::hash::HashKey;
use super::peer::Peer;
use super::session::Session;
use super::table::{Entry, Hashes};
use crate::identity::{ClientIndex, UserData};
use crate::replay::ReplayWindow;
use crate::stats::{RoundTrip, Traffic};
use crate::time::Local;

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
    /// Time of the last packet received; of an ended session, the time of its end.
    pub(crate) last_received: Local,
    pub(crate) state: SlotState,
    pub(crate) owes_connected: bool,
    pub(crate) owes_disconnected: Option<DisconnectReason>,
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

    pub(crate) fn owes_event(&self) -> bool {
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
        let by_id = || hash_key.hash_id(self.session.client_id);
        let keys = match self.state {
            SlotState::Connected { .. } => [by_address, Some(by_id())],
            _ => [None, by_address],
        };
        Hashes {
            keys,
            sources: None,
        }
    }

    fn wipe(&mut self) {
        // Dropping the keys wipes them.
        self.user_data.zeroize();
        *self = Self::EMPTY;
    }

    fn release(&mut self) {
        let (peer, ended_at) = (self.session.peer, self.last_received);
        self.wipe();
        self.session.peer = peer;
        self.last_received = ended_at;
    }
}
