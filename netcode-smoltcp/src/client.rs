//! A netcode client on a smoltcp socket.

use netcode_core::client::{self, ClientState, ConnectError, Event, Received};
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::time::Instant;

use crate::convert::{from_core, to_core};
use crate::error::SendError;
use crate::lanes::Traffic;
use crate::link::Link;
use crate::stats::SocketStats;

/// A client. About 2.5 KiB: keep it in a `static` where the stack is small.
pub struct Client<C = RustCrypto> {
    core: client::Client<C>,
    link: Link<1>,
}

impl Client {
    /// A client on a UDP socket of the application's set, bound to any port.
    pub const fn new(socket: SocketHandle) -> Self {
        Self::with_crypto(socket, RustCrypto)
    }
}

impl<C: Crypto> Client<C> {
    /// A client that seals and opens with `crypto`.
    pub const fn with_crypto(socket: SocketHandle, crypto: C) -> Self {
        Self {
            core: client::Client::with_crypto(crypto),
            link: Link::new([socket]),
        }
    }

    /// Begins to connect with a token of 2048 bytes. The first request leaves at the turn.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, now: Instant, token: &[u8]) -> Result<(), ConnectError> {
        self.core.connect(to_core(now), token)
    }

    /// Next event of this turn; `None` when there is no more. Call it after the interface was
    /// polled, again and again until `None`; then let the interface send. Come back after the
    /// interface has received something, and no later than [`next_deadline`](Self::next_deadline).
    ///
    /// Events come in the order in which they became true. A payload lies in `buffer`. Timeouts are
    /// judged, and what is due is sent, after the last datagram that has arrived was read. Work is
    /// bounded by what waits in the socket. Datagrams that the socket has no room for are lost and
    /// counted; what matters is repeated.
    pub fn next_event<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Option<Event<&'b [u8]>> {
        let event = self.take(now, sockets, buffer).or_else(|| {
            self.transmit(now, sockets, buffer);
            self.core.poll_event()
        });
        in_buffer(event, buffer)
    }

    /// Next event of what has arrived, without judging timeouts; `None` when there is no more. A
    /// loop that takes several frames from the card, one by one, calls it after each until `None`,
    /// and [`next_event`](Self::next_event) after the last: so all of them are read before a
    /// timeout is judged.
    pub fn next_arrived<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Option<Event<&'b [u8]>> {
        let event = self.take(now, sockets, buffer);
        in_buffer(event, buffer)
    }

    /// Time at which the next turn is due if nothing arrives. `None`: there is nothing to wait for.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.link.deadline();
        let due = self.core.next_deadline().into_iter().chain(waiting).min();
        due.map(from_core)
    }

    /// Takes datagrams up to the next event; the place of a payload is one in `buffer`.
    fn take(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &mut [u8],
    ) -> Option<Event> {
        loop {
            // What a command or time caused came before what the next datagram causes.
            if let Some(event) = self.core.poll_event() {
                return Some(event);
            }
            let (len, from) = self.link.receive(sockets, buffer)?;
            let datagram = buffer.get_mut(..len)?;
            let received = self.core.handle_datagram(to_core(now), from, datagram);
            if let Ok(Received::Event(event)) = received {
                return Some(event);
            }
        }
    }

    fn transmit(&mut self, now: Instant, sockets: &mut SocketSet<'_>, buffer: &mut [u8]) {
        let now = to_core(now);
        self.link.pass_time(now, sockets);
        while let Some(transmit) = self.core.poll_transmit(now, buffer) {
            // What waits for another server is of no use any more.
            self.link.turn_to(sockets, transmit.to);
            // What finds no room is lost, as on the way, and counted: to wait for room would
            // stop the core's time, and make its deadlines pass while nothing can be done.
            let _ = self.link.send(
                now,
                sockets,
                Traffic::Session,
                transmit.to,
                transmit.datagram,
            );
        }
    }

    /// Sends a payload of 1 to 1200 bytes: it waits in the socket until the interface is polled.
    /// `false`: the client is not connected, and nothing was sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        payload: &[u8],
    ) -> Result<bool, SendError> {
        let now = to_core(now);
        let Some((to, len)) = self.core.send_size(payload)? else {
            return Ok(false);
        };
        let place = self.link.place(now, sockets, Traffic::Session, to, len)?;
        // Sealed where it waits for the interface: a buffer in between would be 1225 bytes more.
        Ok(self.core.send(now, payload, place)?.is_some())
    }

    /// Ends the connection. The server is told in the next turn.
    pub fn disconnect(&mut self, now: Instant) {
        self.core.disconnect(to_core(now));
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

fn in_buffer(event: Option<Event>, buffer: &[u8]) -> Option<Event<&[u8]>> {
    Some(event?.map_payload(|range| buffer.get(range).unwrap_or_default()))
}
