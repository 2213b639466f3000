//! Client shell over a smoltcp socket.

use netcode_core::client::{self, ClientState, ConnectError, Event, Received};
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::time::Instant;

use crate::convert::{from_core, to_core};
use crate::error::SendError;
use crate::lanes::Purpose;
use crate::link::Link;
use crate::stats::SocketStats;

/// Client. About 2.5 KiB: keep it in a `static` where the stack is small.
pub struct Client<C = RustCrypto> {
    core: client::Client<C>,
    link: Link<1>,
}

impl Client {
    /// Client on a UDP socket of the application's set, bound to any port.
    pub const fn new(socket: SocketHandle) -> Self {
        Self::with_crypto(socket, RustCrypto)
    }
}

impl<C: Crypto> Client<C> {
    /// Client that seals and opens with `crypto`.
    pub const fn with_crypto(socket: SocketHandle, crypto: C) -> Self {
        Self {
            core: client::Client::with_crypto(crypto),
            link: Link::new([socket]),
        }
    }

    /// Begins to connect with a token of 2048 bytes. The first request leaves in the next turn.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, now: Instant, token: &[u8]) -> Result<(), ConnectError> {
        self.core.connect(to_core(now), token)
    }

    /// Next event of this turn; `None` when there is no more. Call it after polling the interface
    /// until it returns `None`, then let the interface send. The next turn is due after the
    /// interface has received something, and no later than [`next_deadline`](Self::next_deadline).
    ///
    /// Events come in the order in which they became true. A payload lies in `buffer`. Timeouts are
    /// evaluated, and due packets are sent, after the last datagram that has arrived was read. Work
    /// is bounded by the datagrams queued in the socket. Datagrams that do not fit the socket are
    /// lost and counted; the protocol repeats those that matter.
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

    /// Next event among the datagrams that have arrived, without evaluating timeouts; `None` when
    /// there is no more. A loop that takes several frames from the network card calls it after each
    /// frame until `None`, and [`next_event`](Self::next_event) after the last, so that all frames
    /// are read before a timeout is evaluated.
    pub fn next_arrived<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Option<Event<&'b [u8]>> {
        let event = self.take(now, sockets, buffer);
        in_buffer(event, buffer)
    }

    /// Time at which the next turn is due if nothing arrives. `None` if there is nothing to wait
    /// for.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.link.deadline();
        let due = self.core.next_deadline().into_iter().chain(waiting).min();
        due.map(from_core)
    }

    /// Reads datagrams up to the next event; a payload's range is one in `buffer`.
    fn take(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &mut [u8],
    ) -> Option<Event> {
        loop {
            // Events of a command or of time precede those of the next datagram.
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
            // Datagrams queued for another server are obsolete.
            self.link.retain_peer(sockets, transmit.to);
            // Without room the datagram is lost, as on the network, and counted: waiting for room
            // would stop the core's time while its deadlines pass.
            let _ = self.link.send(
                now,
                sockets,
                Purpose::Session,
                transmit.to,
                transmit.datagram,
            );
        }
    }

    /// Sends a payload of 1 to 1200 bytes: it is queued in the socket until the interface is
    /// polled. `false` if the client is not connected: nothing was sent.
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
        let place = self.link.place(now, sockets, Purpose::Session, to, len)?;
        // Sealed in the socket's buffer: a buffer in between would take 1225 bytes more.
        Ok(self.core.send(now, payload, place)?.is_some())
    }

    /// Ends the connection. The disconnect packets leave in the next turn.
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

    /// Core of the client: its server, its slot, its counters.
    pub const fn core(&self) -> &client::Client<C> {
        &self.core
    }

    /// Counters of datagrams that the socket could not send or receive.
    pub const fn socket_stats(&self) -> SocketStats {
        self.link.stats()
    }
}

fn in_buffer(event: Option<Event>, buffer: &[u8]) -> Option<Event<&[u8]>> {
    Some(event?.map_payload(|range| buffer.get(range).unwrap_or_default()))
}
