//! Queries of connected clients, and their disconnection.

use core::net::SocketAddr;

use super::event::DisconnectReason;
use super::peer::Source;
use super::slot::Slot;
use super::{SHARED, Server};
use crate::crypto::Crypto;
use crate::identity::{ClientId, ClientIndex, Timeout, UserData};
use crate::stats::ConnectionStats;
use crate::time::{Instant, Local};

/// Description of a connected client.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientInfo<'a> {
    /// Index of the client.
    pub client: ClientIndex,
    /// Id of the client.
    pub client_id: ClientId,
    /// Address of the client; `None` for a loopback client.
    pub address: Option<SocketAddr>,
    /// User data from the client's token.
    pub user_data: &'a UserData,
    /// Timeout from the client's token.
    pub timeout: Timeout,
    /// `true` once a packet of the session has arrived, which shows that the client knows its slot.
    pub confirmed: bool,
    /// Counters of the connection.
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

    /// Number of connected clients, including loopback clients.
    pub fn connected_count(&self) -> u32 {
        self.slots.connected_count
    }

    /// Indices of all slots, connected or not, in an iterator that does not borrow the server.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = ClientIndex> + Clone + use<'s, C> {
        (0..self.config.max_clients).map(ClientIndex)
    }

    /// Description of the client in a slot, if one is connected.
    pub fn client(&self, client: ClientIndex) -> Option<ClientInfo<'_>> {
        let id = client.0 as usize;
        self.slots.connected(id).map(|slot| self.info(id, slot))
    }

    /// Slot of the connected client with this id.
    pub fn find_by_id(&self, client_id: ClientId) -> Option<ClientIndex> {
        self.slots.find_by_id(client_id).map(ClientIndex::of_slot)
    }

    /// Slot of the connected client at this address.
    pub fn find_by_address(&self, address: SocketAddr) -> Option<ClientIndex> {
        let source = Source::new(address, self.hash_key);
        self.slots.find_by_source(&source).map(ClientIndex::of_slot)
    }

    /// Descriptions of all connected clients, in the order of their slots.
    pub fn clients(&self) -> impl Iterator<Item = ClientInfo<'_>> + '_ {
        self.slots.iter().map(|(id, slot)| self.info(id, slot))
    }

    /// Disconnects a client; `false` if none is connected in the slot. Its disconnect packets come
    /// from [`poll_transmit`](Self::poll_transmit), its event from
    /// [`poll_event`](Self::poll_event).
    pub fn disconnect(&mut self, now: Instant, client: ClientIndex) -> bool {
        let now = self.clock.advance(now);
        let id = client.0 as usize;
        self.slots.leave(now, id, DisconnectReason::ByServer)
    }

    /// Disconnects all clients.
    pub fn disconnect_all(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.leave_all(now, DisconnectReason::ByServer);
    }

    pub(super) fn leave_all(&mut self, now: Local, reason: DisconnectReason) {
        for id in 0..self.slots.table.entries.len() {
            self.slots.leave(now, id, reason);
        }
    }
}
