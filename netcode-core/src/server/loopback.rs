//! The player who hosts: a client in the server's own process, with a slot but no network.

use core::fmt;

use super::Server;
use super::event::Received;
use super::session::Session;
use super::slots::Slot;
use crate::crypto::Crypto;
use crate::identity::{ClientId, ClientIndex, Sequence, Timeout, UserData};
use crate::time::Instant;
use crate::transmit::{SendError, check_payload};

/// Why a loopback client cannot join.
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
    /// Gives a slot to a client in this process. It neither times out nor needs keep-alives; its
    /// payloads go through [`send_loopback`](Self::send_loopback) and
    /// [`handle_loopback`](Self::handle_loopback), everything else is as for any client.
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
        let session = Session {
            client_id,
            timeout: Timeout::NEVER,
            ..Session::EMPTY
        };
        let slot = Slot::new(session, &user_data.0, 0, now);
        let id = self.slots.join(slot, None).ok_or(LoopbackError::Full)?;
        self.stats.connects = self.stats.connects.saturating_add(1);
        Ok(ClientIndex::of_slot(id))
    }

    /// Counts a payload to a loopback client and returns it, for the caller to hand over.
    ///
    /// # Errors
    /// [`SendError::NotConnected`], [`SendError::PayloadLength`], or [`SendError::Loopback`] if
    /// the client is not in this process.
    pub fn send_loopback<'p>(
        &mut self,
        client: ClientIndex,
        payload: &'p [u8],
    ) -> Result<&'p [u8], SendError> {
        let slot = self.loopback_slot(client, payload)?;
        slot.sequence = slot.sequence.saturating_add(1);
        slot.traffic.payloads_out = slot.traffic.payloads_out.saturating_add(1);
        self.stats.payloads_out = self.stats.payloads_out.saturating_add(1);
        Ok(payload)
    }

    /// Takes in a payload from a loopback client.
    ///
    /// # Errors
    /// As for [`send_loopback`](Self::send_loopback).
    pub fn handle_loopback<'p>(
        &mut self,
        client: ClientIndex,
        payload: &'p [u8],
    ) -> Result<Received<'p>, SendError> {
        let slot = self.loopback_slot(client, payload)?;
        let sequence = Sequence(slot.traffic.payloads_in);
        slot.traffic.payloads_in = slot.traffic.payloads_in.saturating_add(1);
        slot.traffic.datagrams_in = slot.traffic.datagrams_in.saturating_add(1);
        self.stats.payloads_in = self.stats.payloads_in.saturating_add(1);
        Ok(Received::Payload {
            client,
            sequence,
            payload,
        })
    }

    /// The slot of a loopback client that may exchange this payload.
    fn loopback_slot(
        &mut self,
        client: ClientIndex,
        payload: &[u8],
    ) -> Result<&mut Slot, SendError> {
        let slot = self
            .slots
            .connected_mut(client.0 as usize)
            .ok_or(SendError::NotConnected)?;
        if !slot.is_loopback() {
            return Err(SendError::Loopback);
        }
        check_payload(payload)?;
        Ok(slot)
    }
}
