//! Loopback clients: clients in the server's own process, with a slot but no network.

use core::fmt;

use super::Server;
use super::event::Event;
use super::session::Session;
use super::slot::Slot;
use crate::crypto::Crypto;
use crate::identity::{ClientId, ClientIndex, Sequence, UserData};
use crate::time::Instant;
use crate::transmit::{SendError, check_payload};

/// Reason for which a loopback client cannot connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LoopbackError {
    /// The server is stopped: start it first.
    NotRunning,
    /// No slot is free.
    Full,
    /// A client with this id is connected.
    IdConnected,
}

impl fmt::Display for LoopbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRunning => "the server is not running",
            Self::Full => "no client slot is free",
            Self::IdConnected => "a client with this id is connected",
        })
    }
}

impl core::error::Error for LoopbackError {}

impl<C: Crypto> Server<'_, C> {
    /// Connects a client in this process. It neither times out nor needs keep-alives, and its
    /// payloads go through [`send_loopback`](Self::send_loopback) and
    /// [`handle_loopback`](Self::handle_loopback); otherwise it is like any client.
    ///
    /// # Errors
    /// See [`LoopbackError`].
    pub fn connect_loopback(
        &mut self,
        now: Instant,
        client_id: ClientId,
        user_data: &UserData,
    ) -> Result<ClientIndex, LoopbackError> {
        let now = self.clock.advance(now);
        if !self.running {
            return Err(LoopbackError::NotRunning);
        }
        if self.slots.find_by_id(client_id).is_some() {
            return Err(LoopbackError::IdConnected);
        }
        // An empty session has no timeout.
        let session = Session {
            client_id,
            ..Session::EMPTY
        };
        let slot = Slot::new(session, &user_data.0, 0, now);
        let id = self.slots.join_loopback(slot).ok_or(LoopbackError::Full)?;
        self.stats.connects = self.stats.connects.saturating_add(1);
        Ok(ClientIndex::of_slot(id))
    }

    /// Counts a payload to a loopback client; the caller delivers it. `false` if no loopback client
    /// is connected in the slot.
    ///
    /// # Errors
    /// [`SendError::PayloadLength`].
    pub fn send_loopback(
        &mut self,
        client: ClientIndex,
        payload: &[u8],
    ) -> Result<bool, SendError> {
        let Some(slot) = self.loopback_slot(client) else {
            return Ok(false);
        };
        check_payload(payload)?;
        slot.sequence = slot.sequence.saturating_add(1);
        slot.traffic.payloads_out = slot.traffic.payloads_out.saturating_add(1);
        self.stats.payloads_out = self.stats.payloads_out.saturating_add(1);
        Ok(true)
    }

    /// Processes a payload of a loopback client as if it had arrived in a datagram. `None` if no
    /// loopback client is connected in the slot.
    ///
    /// # Errors
    /// [`SendError::PayloadLength`].
    pub fn handle_loopback<'p>(
        &mut self,
        client: ClientIndex,
        payload: &'p [u8],
    ) -> Result<Option<Event<&'p [u8]>>, SendError> {
        let Some(slot) = self.loopback_slot(client) else {
            return Ok(None);
        };
        check_payload(payload)?;
        let sequence = Sequence(slot.traffic.payloads_in);
        slot.traffic.payloads_in = slot.traffic.payloads_in.saturating_add(1);
        slot.traffic.datagrams_in = slot.traffic.datagrams_in.saturating_add(1);
        self.stats.payloads_in = self.stats.payloads_in.saturating_add(1);
        Ok(Some(Event::Payload {
            client,
            sequence,
            payload,
        }))
    }

    fn loopback_slot(&mut self, client: ClientIndex) -> Option<&mut Slot> {
        let slot = self.slots.connected_mut(client.0 as usize)?;
        slot.is_loopback().then_some(slot)
    }
}
