//! Client shell: the core's client with a link and a clock.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use netcode_core::client::{ClientState, ConnectError, Event, Received};
use netcode_core::crypto::Crypto;
use netcode_core::standard::MAX_DATAGRAM_BYTES;

use crate::clock::Origin;
use crate::error::{BindError, SendError};
use crate::link::Link;
use crate::log::ClientLog;
use crate::socket::{SocketOptions, UdpLink};
use crate::{DefaultCrypto, RECEIVE_BUFFER_BYTES};

/// Client.
///
/// A turn of the program's loop: [`update`](Self::update) with the time, drain
/// [`next_event`](Self::next_event), send, then [`wait`](Self::wait) or do something else. State
/// and counters are read from [`core`](Self::core).
pub struct Client<L = UdpLink, C = DefaultCrypto> {
    core: Box<netcode_core::client::Client<C>>,
    link: L,
    origin: Origin,
    now: Instant,
    /// Timeouts of this turn are still to be evaluated and due packets to be sent: that happens
    /// after everything that has arrived was read.
    owes_transmit: bool,
    out: Box<[u8; MAX_DATAGRAM_BYTES]>,
}

impl Client<UdpLink> {
    /// A client on a port of the system's choice, for IPv4 and, where the system has it, IPv6.
    ///
    /// # Errors
    /// [`BindError::Link`] if no socket can be made.
    pub fn new() -> Result<Self, BindError> {
        let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let options = SocketOptions::default();
        let link = UdpLink::bind(&[v4, v6], &options)
            .or_else(|_| UdpLink::bind(&[v4], &options))
            .or_else(|_| UdpLink::bind(&[v6], &options))
            .map_err(BindError::Link)?;
        Ok(Self::with_link(link))
    }

    /// A client bound to `addresses`, at most one of each family.
    ///
    /// # Errors
    /// [`BindError::Link`].
    pub fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let link = UdpLink::bind(addresses, &SocketOptions::default()).map_err(BindError::Link)?;
        Ok(Self::with_link(link))
    }
}

impl<L: Link> Client<L> {
    /// A client over a link of the caller's.
    pub fn with_link(link: L) -> Self {
        Self::with_crypto(link, DefaultCrypto::default())
    }
}

impl<L: Link, C: Crypto> Client<L, C> {
    /// A client over a link of the caller's that seals and opens with `crypto`.
    pub fn with_crypto(link: L, crypto: C) -> Self {
        let now = Instant::now();
        Self {
            core: Box::new(netcode_core::client::Client::with_crypto(crypto)),
            link,
            origin: Origin::start(now),
            now,
            owes_transmit: false,
            out: Box::new([0; MAX_DATAGRAM_BYTES]),
        }
    }

    /// Begins to connect with a token of 2048 bytes. The first request leaves in the next turn.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, token: &[u8]) -> Result<(), ConnectError> {
        self.now = self.now.max(Instant::now());
        self.core.connect(self.origin.to_core(self.now), token)
    }

    /// Begins a turn at `now`. [`next_event`](Self::next_event) then returns its events.
    ///
    /// # Errors
    /// The link is broken.
    pub fn update(&mut self, now: Instant) -> io::Result<()> {
        self.end_turn()?;
        self.now = now;
        self.owes_transmit = true;
        self.link.turn(now);
        Ok(())
    }

    /// Next event of this turn; `None` when there is no more. Call until `None`, every turn.
    ///
    /// Events come in the order in which they became true. A payload lies in `buffer` and borrows
    /// nothing else, so the client can send while it is read. Timeouts are evaluated, and due
    /// packets are sent, after the last datagram that has arrived was read: a program that was
    /// suspended does not end a session whose packets are queued.
    ///
    /// # Errors
    /// The link is broken: it will not work again. Nothing that the server or the network does is
    /// an error.
    pub fn next_event<'b>(
        &mut self,
        buffer: &'b mut [u8; RECEIVE_BUFFER_BYTES],
    ) -> io::Result<Option<Event<&'b [u8]>>> {
        let event = match self.read_event(buffer)? {
            Some(event) => Some(event),
            None => {
                self.end_turn()?;
                self.core.poll_event()
            }
        };
        if let Some(event) = &event {
            ClientLog::event(&self.core, event);
        }
        Ok(event.map(|event| event.map_payload(|range| buffer.get(range).unwrap_or_default())))
    }

    /// Next event of the core or of an arrived datagram; a payload is a range in `buffer`.
    fn read_event(&mut self, buffer: &mut [u8]) -> io::Result<Option<Event>> {
        let now = self.origin.to_core(self.now);
        loop {
            // Events of a command or of time precede those of the next datagram.
            if let Some(event) = self.core.poll_event() {
                return Ok(Some(event));
            }
            let Some((len, from)) = self.link.receive(buffer)? else {
                return Ok(None);
            };
            let datagram = buffer.get_mut(..len).unwrap_or_default();
            match self.core.handle_datagram(now, from, datagram) {
                Ok(Received::Event(event)) => return Ok(Some(event)),
                Ok(Received::Handled) | Err(_) => {}
            }
        }
    }

    /// Evaluates timeouts and sends due packets, once in a turn.
    fn end_turn(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.owes_transmit) {
            self.transmit()?;
        }
        Ok(())
    }

    fn transmit(&mut self) -> io::Result<()> {
        let now = self.origin.to_core(self.now);
        while let Some(transmit) = self.core.poll_transmit(now, &mut *self.out) {
            self.link.send(transmit.to, transmit.datagram)?;
        }
        Ok(())
    }

    /// Sends a payload of 1 to 1200 bytes to the server. `false`: the client is not connected, and
    /// nothing was sent. Loss on the network is not an error.
    ///
    /// Payloads may be collected; they leave at the end of the turn ([`wait`](Self::wait) or the
    /// next [`update`](Self::update)), or with [`flush`](Self::flush).
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, payload: &[u8]) -> Result<bool, SendError> {
        let now = self.origin.to_core(self.now);
        let Some(transmit) = self.core.send(now, payload, &mut *self.out)? else {
            return Ok(false);
        };
        self.link.send(transmit.to, transmit.datagram)?;
        Ok(true)
    }

    /// Sends what the link has collected.
    ///
    /// # Errors
    /// The link is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        self.link.flush()
    }

    /// Ends the turn: blocks until a datagram may have come, something is due, or `limit` has
    /// passed.
    ///
    /// # Errors
    /// The link is broken.
    pub fn wait(&mut self, limit: Duration) -> io::Result<()> {
        self.end_turn()?;
        self.flush()?;
        let wait = self.next_deadline().map_or(limit, |due| {
            due.saturating_duration_since(Instant::now()).min(limit)
        });
        self.link.wait(wait)
    }

    /// Time at which the next turn is due if nothing arrives, for an event loop of the program's
    /// own.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.core
            .next_deadline()
            .and_then(|due| self.origin.to_system(due))
    }

    /// Ends the session or the attempt, and sends the server disconnect packets.
    ///
    /// # Errors
    /// The link is broken.
    pub fn disconnect(&mut self) -> io::Result<()> {
        self.core.disconnect(self.origin.to_core(self.now));
        self.transmit()?;
        self.flush()
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
    pub fn core(&self) -> &netcode_core::client::Client<C> {
        &self.core
    }

    /// The link: its counters, its addresses, or its sockets to wait for in an event loop of the
    /// program's own.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// Addresses that the client is bound to.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.link.local_addresses()
    }
}

impl<L: fmt::Debug, C> fmt::Debug for Client<L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("core", &self.core)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
