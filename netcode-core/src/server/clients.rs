//! Looking at connected clients, and disconnecting them.

use core::net::SocketAddr;

use super::event::DisconnectReason;
use super::peer::Source;
use super::slots::Slot;
use super::{SHARED, Server};
use crate::crypto::Crypto;
use crate::identity::{ClientId, ClientIndex, Timeout, UserData};
use crate::stats::ConnectionStats;
use crate::time::Instant;

/// A connected client.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientInfo<'a> {
    /// Its slot.
    pub client: ClientIndex,
    /// Who it is.
    pub client_id: ClientId,
    /// Where it is; `None` for a loopback client.
    pub address: Option<SocketAddr>,
    /// What the backend said about it.
    pub user_data: &'a UserData,
    /// How long it may be silent.
    pub timeout: Timeout,
    /// Whether it has shown that it knows its slot.
    pub confirmed: bool,
    /// What was counted.
    pub stats: ConnectionStats,
}

impl<'s, C: Crypto> Server<'s, C> {
    fn info<'a>(&self, id: usize, slot: &'a Slot) -> ClientInfo<'a> {
        let first = if slot.sequence >= SHARED {
            self.first_sequence(&slot.session.peer, slot.session.client_id)
        } else {
            0
        };
        let sent = slot.sequence.saturating_sub(first);
        ClientInfo {
            client: ClientIndex::of_slot(id),
            client_id: slot.session.client_id,
            address: slot.session.peer.address(),
            user_data: &slot.user_data,
            timeout: slot.session.timeout,
            confirmed: slot.is_confirmed(),
            stats: slot.traffic.to_stats(sent, slot.round_trip),
        }
    }

    /// How many clients are connected, loopback included.
    pub fn connected_count(&self) -> u32 {
        self.slots.connected_count
    }

    /// The index of every slot, whether a client is connected there or not: to go through all of
    /// them while the server is used.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = ClientIndex> + Clone + use<'s, C> {
        (0..self.config.max_clients).map(ClientIndex)
    }

    /// The client in a slot, if one is connected there.
    pub fn client(&self, client: ClientIndex) -> Option<ClientInfo<'_>> {
        let id = client.0 as usize;
        self.slots.connected(id).map(|slot| self.info(id, slot))
    }

    /// The slot of a client id.
    pub fn find_by_id(&self, client_id: ClientId) -> Option<ClientIndex> {
        self.slots.find_by_id(client_id).map(ClientIndex::of_slot)
    }

    /// The slot of an address.
    pub fn find_by_address(&self, address: SocketAddr) -> Option<ClientIndex> {
        let source = Source::new(address, self.hash_key);
        self.slots.find_by_source(&source).map(ClientIndex::of_slot)
    }

    /// Every connected client, by slot.
    pub fn clients(&self) -> impl Iterator<Item = ClientInfo<'_>> + '_ {
        self.slots.iter().map(|(id, slot)| self.info(id, slot))
    }

    /// Ends a client's session; false if nobody is connected there. Its disconnect packets come
    /// from [`poll_transmit`](Self::poll_transmit), its event from
    /// [`poll_event`](Self::poll_event).
    pub fn disconnect(&mut self, now: Instant, client: ClientIndex) -> bool {
        self.clock.advance(now);
        let id = client.0 as usize;
        self.slots.leave(id, DisconnectReason::ByServer)
    }

    /// Ends every session.
    pub fn disconnect_all(&mut self, now: Instant) {
        self.clock.advance(now);
        self.leave_all(DisconnectReason::ByServer);
    }

    pub(super) fn leave_all(&mut self, reason: DisconnectReason) {
        for id in 0..self.slots.table.entries.len() {
            self.slots.leave(id, reason);
        }
    }
}
