//! A netcode client on an embassy-net socket.

use embassy_net::udp::UdpSocket;
use netcode_core::client::{self, ClientState, ConnectError, Event, Received};
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::standard::MAX_DATAGRAM_BYTES;

use super::socket::{Link, now};
use crate::lanes::Traffic;
use crate::{SendError, SocketStats};

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
    /// [`next_event`](Self::next_event).
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, token: &[u8]) -> Result<(), ConnectError> {
        self.core.connect(now(), token)
    }

    /// Receives, answers and keeps alive until there is an event. A payload lies in `buffer`.
    ///
    /// Nothing is kept alive while nobody awaits this. Dropped early, it loses nothing. Without a
    /// connection and without an attempt it waits for ever.
    pub async fn next_event<'b>(
        &mut self,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Event<&'b [u8]> {
        let event = loop {
            if let Some(event) = self.take(buffer) {
                break event;
            }
            // All that has arrived is read before time is judged, so that a late turn ends nothing.
            if self.link.give_turn(self.core.next_deadline()).await {
                continue;
            }
            self.link.pass_time();
            self.transmit();
            if let Some(event) = self.core.poll_event() {
                break event;
            }
            let waiting = self.link.deadline();
            let due = self.core.next_deadline().into_iter().chain(waiting).min();
            self.link.wait(due).await;
        };
        event.map_payload(|range| buffer.get(range).unwrap_or_default())
    }

    /// Takes datagrams up to the next event; the place of a payload is one in `buffer`.
    fn take(&mut self, buffer: &mut [u8]) -> Option<Event> {
        loop {
            // What a command or time caused came before what the next datagram causes.
            if let Some(event) = self.core.poll_event() {
                return Some(event);
            }
            let (len, from) = self.link.receive(buffer)?;
            let datagram = buffer.get_mut(..len)?;
            if let Ok(Received::Event(event)) = self.core.handle_datagram(now(), from, datagram) {
                return Some(event);
            }
        }
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
    /// `false`: the client is not connected, and nothing was sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, payload: &[u8]) -> Result<bool, SendError> {
        let Some(transmit) = self.core.send(now(), payload, &mut self.out)? else {
            return Ok(false);
        };
        self.link
            .send(Traffic::Session, transmit.to, transmit.datagram)?;
        Ok(true)
    }

    /// Ends the connection. The ten disconnect packets wait in the socket when this returns: let
    /// embassy-net's runner have its turn before the socket is dropped.
    pub fn disconnect(&mut self) {
        self.core.disconnect(now());
        self.transmit();
    }

    /// State of the client.
    pub fn state(&self) -> ClientState {
        self.core.state()
    }

    /// `true` while payloads can be sent.
    pub fn is_connected(&self) -> bool {
        self.state() == ClientState::Connected
    }

    /// The core: the server it talks to, its slot there, counters.
    pub const fn core(&self) -> &client::Client<C> {
        &self.core
    }

    /// Datagrams that the socket could not carry.
    pub const fn socket_stats(&self) -> SocketStats {
        self.link.stats()
    }
}
