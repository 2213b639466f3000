//! A netcode client on a smoltcp socket.

use core::net::SocketAddr;
use core::ops::Range;

use netcode_core::client::{self, ClientEvent, ClientState, ConnectError, Received};
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientIndex, ConnectionStats, DropCounts, Sequence};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::time::Instant;

use crate::convert::{from_core, to_core};
use crate::error::SendError;
use crate::lanes::Traffic;
use crate::link::Link;
use crate::stats::SocketStats;

/// What a call of [`Client::poll`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Polled<'b> {
    /// The client's state changed.
    Event(ClientEvent),
    /// The server sent a payload; it stands in the lent buffer.
    Payload {
        /// Payloads arrive in any order; this tells which is newer.
        sequence: Sequence,
        /// The bytes, 1 to 1200.
        payload: &'b [u8],
    },
    /// Nothing more. Poll again after the interface has received something, and no later than
    /// this.
    Idle(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] Option<Instant>),
}

/// A client. About 2.5 KiB: keep it in a `static` where the stack is small.
pub struct Client<C = RustCrypto> {
    core: client::Client<C>,
    link: Link<1>,
}

/// What was taken in, and where in the buffer it lies.
enum Taken {
    Event(ClientEvent),
    Payload(Sequence, Range<usize>),
}

impl Taken {
    fn with(self, buffer: &[u8]) -> Polled<'_> {
        match self {
            Self::Event(event) => Polled::Event(event),
            Self::Payload(sequence, range) => Polled::Payload {
                sequence,
                payload: buffer.get(range).unwrap_or_default(),
            },
        }
    }
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

    /// Begins to connect with a token of 2048 bytes. The first request leaves at the next
    /// [`poll`](Self::poll).
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, now: Instant, token: &[u8]) -> Result<(), ConnectError> {
        self.core.connect(to_core(now), token)
    }

    /// One turn: receives, answers, keeps alive. Call it after the interface was polled, again
    /// and again until it is [`Polled::Idle`]; then let the interface send. `buffer` is used only
    /// during the call, and holds the payload that comes of it.
    ///
    /// Work is bounded by what waits in the socket. Datagrams that the socket has no room for are
    /// lost and counted; what matters is repeated.
    pub fn poll<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Polled<'b> {
        // All that has arrived is read before time is judged, so that a late turn ends nothing.
        if let Some(taken) = self.take_in(now, sockets, buffer) {
            return taken.with(buffer);
        }
        self.transmit(now, sockets, buffer);
        match self.core.poll_event() {
            Some(event) => Polled::Event(event),
            None => Polled::Idle(self.deadline()),
        }
    }

    /// The first half of a turn: receives, and no more; `None` if there is nothing more. A loop
    /// that takes several frames from the card, one by one, calls it after each until then, and
    /// [`poll`](Self::poll) after the last: so all of them are read before a timeout is judged.
    pub fn receive<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Option<Polled<'b>> {
        let taken = self.take_in(now, sockets, buffer)?;
        Some(taken.with(buffer))
    }

    fn deadline(&self) -> Option<Instant> {
        let waiting = self.link.deadline();
        let due = self.core.next_deadline().into_iter().chain(waiting).min();
        due.map(from_core)
    }

    /// The next event, or datagrams up to the next payload.
    fn take_in(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &mut [u8],
    ) -> Option<Taken> {
        loop {
            // Before the next datagram: nothing is heard of a session before its event.
            if let Some(event) = self.core.poll_event() {
                return Some(Taken::Event(event));
            }
            let (len, from) = self.link.receive(sockets, buffer)?;
            let datagram = buffer.get_mut(..len)?;
            let start = datagram.as_ptr().addr();
            let received = self.core.handle_datagram(to_core(now), from, datagram);
            if let Ok(Received::Payload { sequence, payload }) = received {
                let at = payload.as_ptr().addr().saturating_sub(start);
                let range = at..at.saturating_add(payload.len());
                return Some(Taken::Payload(sequence, range));
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
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let now = to_core(now);
        let (to, len) = self.core.outlook(payload)?;
        let place = self.link.place(now, sockets, Traffic::Session, to, len)?;
        // Sealed where it waits for the interface: a buffer in between would be 1225 bytes more.
        self.core.send(now, payload, place)?;
        Ok(())
    }

    /// Ends the connection. The server is told at the next [`poll`](Self::poll).
    pub fn disconnect(&mut self, now: Instant) {
        self.core.disconnect(to_core(now));
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
