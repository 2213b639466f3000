//! A netcode client on an embassy-net socket.

use core::net::SocketAddr;
use core::ops::Range;

use embassy_net::udp::UdpSocket;
use netcode_core::client::{self, ClientEvent, ClientState, ConnectError, Received};
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientIndex, ConnectionStats, DropCounts, Sequence};

use super::socket::{Link, now};
use crate::lanes::Traffic;
use crate::{SendError, SocketStats};

/// What [`Client::next`] waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Incoming<'b> {
    /// The client's state changed.
    Event(ClientEvent),
    /// The server sent a payload; it stands in the lent buffer.
    Payload {
        /// Payloads arrive in any order; this tells which is newer.
        sequence: Sequence,
        /// The bytes, 1 to 1200.
        payload: &'b [u8],
    },
}

/// A client. About 3.6 KiB: keep it in a `static` where the stack is small.
pub struct Client<'s, C = RustCrypto> {
    core: client::Client<C>,
    link: Link<'s, 1>,
    out: [u8; MAX_DATAGRAM_BYTES],
}

impl<'s> Client<'s> {
    /// A client on a socket that is bound to any port.
    pub const fn new(socket: UdpSocket<'s>) -> Self {
        Self::with_crypto(socket, RustCrypto)
    }
}

impl<'s, C: Crypto> Client<'s, C> {
    /// A client that seals and opens with `crypto`.
    pub const fn with_crypto(socket: UdpSocket<'s>, crypto: C) -> Self {
        Self {
            core: client::Client::with_crypto(crypto),
            link: Link::new([socket]),
            out: [0; MAX_DATAGRAM_BYTES],
        }
    }

    /// Begins to connect with a token of 2048 bytes. The first request leaves at the next
    /// [`next`](Self::next).
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, token: &[u8]) -> Result<(), ConnectError> {
        self.core.connect(now(), token)
    }

    /// Receives, answers and keeps alive until there is an event or a payload.
    ///
    /// Nothing is kept alive while nobody awaits this. Dropped early, it loses nothing. Without a
    /// connection and without an attempt it waits for ever.
    pub async fn next<'b>(&mut self, buffer: &'b mut [u8; MAX_DATAGRAM_BYTES]) -> Incoming<'b> {
        let (sequence, range) = loop {
            if let Some(event) = self.core.poll_event() {
                return Incoming::Event(event);
            }
            match self.take_in(buffer) {
                Some(Some(payload)) => break payload,
                // It may have made an event, which comes before the next datagram.
                Some(None) => continue,
                None => {}
            }
            // All that has arrived is read before time is judged, so that a late turn ends nothing.
            if self.link.give_turn(self.core.next_deadline()).await {
                continue;
            }
            self.link.pass_time();
            self.transmit();
            if let Some(event) = self.core.poll_event() {
                return Incoming::Event(event);
            }
            let waiting = self.link.deadline();
            let due = self.core.next_deadline().into_iter().chain(waiting).min();
            self.link.wait(due).await;
        };
        let payload = buffer.get(range).unwrap_or_default();
        Incoming::Payload { sequence, payload }
    }

    /// Takes in the next datagram, if there is one: the payload it brought, and where in `buffer`
    /// that lies.
    fn take_in(&mut self, buffer: &mut [u8]) -> Option<Option<(Sequence, Range<usize>)>> {
        let (len, from) = self.link.receive(buffer)?;
        let datagram = buffer.get_mut(..len)?;
        let start = datagram.as_ptr().addr();
        let received = self.core.handle_datagram(now(), from, datagram);
        let Ok(Received::Payload { sequence, payload }) = received else {
            return Some(None);
        };
        let at = payload.as_ptr().addr().saturating_sub(start);
        Some(Some((sequence, at..at.saturating_add(payload.len()))))
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.core.poll_transmit(now(), &mut self.out) {
            // What waits for another server is of no use any more.
            self.link.turn_to(transmit.to);
            // What finds no room is lost, as on the way, and counted.
            let _ = self
                .link
                .send(Traffic::Session, transmit.to, transmit.datagram);
        }
    }

    /// Sends a payload of 1 to 1200 bytes: it waits in the socket for embassy-net's runner.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let transmit = self.core.send(now(), payload, &mut self.out)?;
        self.link
            .send(Traffic::Session, transmit.to, transmit.datagram)?;
        Ok(())
    }

    /// Ends the connection. The ten disconnect packets wait in the socket when this returns: let
    /// embassy-net's runner have its turn before the socket is dropped.
    pub fn disconnect(&mut self) {
        self.core.disconnect(now());
        self.transmit();
    }

    /// Where the client stands.
    pub fn state(&self) -> ClientState {
        self.core.state()
    }

    /// Whether payloads can be sent.
    pub fn is_connected(&self) -> bool {
        self.state() == ClientState::Connected
    }

    /// Its slot on the server, while connected.
    pub fn client_index(&self) -> Option<ClientIndex> {
        self.core.client_index()
    }

    /// The server it talks to, or is trying.
    pub fn server_address(&self) -> Option<SocketAddr> {
        self.core.server_address()
    }

    /// What the connection has counted.
    pub fn stats(&self) -> ConnectionStats {
        self.core.stats()
    }

    /// Datagrams dropped, by reason.
    pub fn dropped(&self) -> &DropCounts {
        self.core.dropped()
    }

    /// What the socket could not carry.
    pub const fn socket_stats(&self) -> SocketStats {
        self.link.stats()
    }
}
