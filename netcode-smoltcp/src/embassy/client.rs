//! Client shell over an embassy-net socket.

use embassy_net::udp::UdpSocket;
use netcode_core::client::{self, ClientState, ConnectError, Event, Received};
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::standard::MAX_DATAGRAM_BYTES;

use super::socket::{Link, now};
use crate::lanes::Purpose;
use crate::{SendError, SocketStats};

/// Client. About 3.6 KiB: keep it in a `static` where the stack is small.
pub struct Client<'s, C = RustCrypto> {
    core: client::Client<C>,
    link: Link<'s, 1>,
    out: [u8; MAX_DATAGRAM_BYTES],
}

impl<'s> Client<'s> {
    /// Client on a socket that is bound to any port.
    pub const fn new(socket: UdpSocket<'s>) -> Self {
        Self::with_crypto(socket, RustCrypto)
    }
}

impl<'s, C: Crypto> Client<'s, C> {
    /// Client that seals and opens with `crypto`.
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

    /// Receives, answers and keeps the session alive until there is an event. A payload lies in
    /// `buffer`.
    ///
    /// The session is kept alive only while this is awaited. Dropping the future loses nothing.
    /// Without a connection or an attempt to connect it waits forever.
    pub async fn next_event<'b>(
        &mut self,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Event<&'b [u8]> {
        let event = loop {
            if let Some(event) = self.take(buffer) {
                break event;
            }
            // All that has arrived is read before time is evaluated, so that a late turn ends no
            // session.
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

    /// Reads datagrams up to the next event; a payload's range is one in `buffer`.
    fn take(&mut self, buffer: &mut [u8]) -> Option<Event> {
        loop {
            // Events of a command or of time precede those of the next datagram.
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
            // Datagrams queued for another server are obsolete.
            self.link.retain_peer(transmit.to);
            // Without room the datagram is lost, as on the network, and counted.
            let _ = self
                .link
                .send(Purpose::Session, transmit.to, transmit.datagram);
        }
    }

    /// Sends a payload of 1 to 1200 bytes: it is queued in the socket for embassy-net's runner.
    /// `false` if the client is not connected: nothing was sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, payload: &[u8]) -> Result<bool, SendError> {
        let Some(transmit) = self.core.send(now(), payload, &mut self.out)? else {
            return Ok(false);
        };
        self.link
            .send(Purpose::Session, transmit.to, transmit.datagram)?;
        Ok(true)
    }

    /// Ends the connection. The ten disconnect packets are queued in the socket when this returns:
    /// let embassy-net's runner run before the socket is dropped.
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

    /// Core of the client: its server, its slot, its counters.
    pub const fn core(&self) -> &client::Client<C> {
        &self.core
    }

    /// Counters of datagrams that the socket could not send or receive.
    pub const fn socket_stats(&self) -> SocketStats {
        self.link.stats()
    }
}
