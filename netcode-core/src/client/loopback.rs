//! The player who hosts: a client in its server's own process.

use super::Client;
use super::connect::ConnectError;
use super::receive::Received;
use super::state::ClientState;
use crate::crypto::Crypto;
use crate::identity::{ClientIndex, Sequence};
use crate::stats::{RoundTrip, Traffic};
use crate::time::Instant;
use crate::transmit::SendError;

impl<C: Crypto> Client<C> {
    /// Connects at once to the slot that
    /// [`Server::connect_loopback`](crate::server::Server::connect_loopback) gave.
    ///
    /// # Errors
    /// [`ConnectError::Active`] while connected or connecting.
    pub fn connect_loopback(
        &mut self,
        now: Instant,
        client_index: ClientIndex,
        max_clients: u32,
    ) -> Result<(), ConnectError> {
        self.clock.advance(now);
        if self.is_active() {
            return Err(ConnectError::Active);
        }
        self.attempt.wipe();
        self.disconnects_left = 0;
        self.traffic = Traffic::ZERO;
        self.round_trip = RoundTrip::UNKNOWN;
        self.datagrams_out = 0;
        self.loopback = true;
        self.client_index = client_index;
        self.max_clients = max_clients;
        self.enter(ClientState::Connected);
        Ok(())
    }

    /// Ends a loopback connection because the server did.
    pub fn disconnect_loopback(&mut self) {
        if self.loopback && self.is_active() {
            self.end(ClientState::Disconnected);
        }
    }

    /// Counts a payload to the server and returns it, for the caller to hand over.
    ///
    /// # Errors
    /// [`SendError::NotConnected`], [`SendError::PayloadLength`], or [`SendError::Loopback`] if
    /// the server is not in this process.
    pub fn send_loopback<'p>(&mut self, payload: &'p [u8]) -> Result<&'p [u8], SendError> {
        self.check_send(payload)?;
        if !self.loopback {
            return Err(SendError::Loopback);
        }
        self.traffic.payloads_out = self.traffic.payloads_out.saturating_add(1);
        self.datagrams_out = self.datagrams_out.saturating_add(1);
        Ok(payload)
    }

    /// Takes in a payload from the server.
    ///
    /// # Errors
    /// As for [`send_loopback`](Self::send_loopback).
    pub fn handle_loopback<'p>(&mut self, payload: &'p [u8]) -> Result<Received<'p>, SendError> {
        self.check_send(payload)?;
        if !self.loopback {
            return Err(SendError::Loopback);
        }
        let sequence = Sequence(self.traffic.payloads_in);
        self.traffic.payloads_in = self.traffic.payloads_in.saturating_add(1);
        self.traffic.datagrams_in = self.traffic.datagrams_in.saturating_add(1);
        Ok(Received::Payload { sequence, payload })
    }
}
