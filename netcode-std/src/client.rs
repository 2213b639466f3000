//! A netcode client over a link: the core with sockets and a clock.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::time::{Duration, Instant};

use netcode_core::client::{ClientEvent, ClientState, ConnectError, Received};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientIndex, ConnectionStats, DropCounts, Sequence};

use crate::clock::Clock;
use crate::error::{BindError, TransferError};
use crate::link::Link;
use crate::socket::{SocketOptions, UdpLink};
use crate::{DefaultCrypto, RECEIVE_BUFFER_BYTES};

/// A payload from the server, in the buffer that was lent to [`Client::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'b> {
    /// Payloads arrive in any order; this tells which is newer.
    pub sequence: Sequence,
    /// The bytes, 1 to 1200.
    pub bytes: &'b [u8],
}

/// A client.
///
/// Each turn of a game loop: [`update`](Self::update), then drain
/// [`receive`](Self::receive) and [`poll_event`](Self::poll_event), send, and either do something
/// else or [`wait`](Self::wait).
pub struct Client<L = UdpLink> {
    core: Box<netcode_core::client::Client<DefaultCrypto>>,
    link: L,
    clock: Clock,
    now: Instant,
    /// Whether this turn has yet to find timeouts and to send what is due: it does so once it has
    /// read what has arrived.
    owes_transmit: bool,
    out: Box<[u8; MAX_DATAGRAM_BYTES]>,
}

impl Client<UdpLink> {
    /// A client with a port of the system's choice, for IPv4 and, where the system has it, IPv6.
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

    /// A client bound to `addresses`: one, or one of each family.
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
        let now = Instant::now();
        Self {
            core: Box::new(netcode_core::client::Client::with_crypto(
                DefaultCrypto::default(),
            )),
            link,
            clock: Clock::start(now),
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
        self.now = Instant::now();
        self.core.connect(self.clock.to_core(self.now), token)
    }

    /// Begins a turn at `now`. The turn's payloads come from [`receive`](Self::receive), which also
    /// finds timeouts and sends what is due, after the last datagram was read: a program that was
    /// held up does not end a session whose packets have been waiting for it.
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

    /// Finds timeouts and sends what is due, once in a turn.
    fn end_turn(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.owes_transmit) {
            self.transmit()?;
        }
        Ok(())
    }

    fn transmit(&mut self) -> io::Result<()> {
        let now = self.clock.to_core(self.now);
        while let Some(transmit) = self.core.poll_transmit(now, &mut *self.out) {
            self.link.send(transmit.to, transmit.datagram)?;
        }
        Ok(())
    }

    /// The turn's next payload, in `buffer`; `None` when there is no more. The handshake goes on
    /// on the way.
    ///
    /// # Errors
    /// The link is broken.
    pub fn receive<'b>(
        &mut self,
        buffer: &'b mut [u8; RECEIVE_BUFFER_BYTES],
    ) -> io::Result<Option<Payload<'b>>> {
        let Some((sequence, range)) = self.receive_datagrams(buffer)? else {
            self.end_turn()?;
            return Ok(None);
        };
        let bytes = buffer.get(range).unwrap_or_default();
        Ok(Some(Payload { sequence, bytes }))
    }

    /// Takes in datagrams up to the next payload; says where in `buffer` that lies.
    fn receive_datagrams(
        &mut self,
        buffer: &mut [u8],
    ) -> io::Result<Option<(Sequence, Range<usize>)>> {
        let now = self.clock.to_core(self.now);
        while let Some((len, from)) = self.link.receive(buffer)? {
            let datagram = buffer.get_mut(..len).unwrap_or_default();
            let start = datagram.as_ptr().addr();
            match self.core.handle_datagram(now, from, datagram) {
                Ok(Received::Payload { sequence, payload }) => {
                    let at = payload.as_ptr().addr().saturating_sub(start);
                    return Ok(Some((sequence, at..at.saturating_add(payload.len()))));
                }
                Ok(Received::Handled) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Sends a payload to the server.
    ///
    /// # Errors
    /// [`TransferError::Send`] while not connected, or if the payload is no payload;
    /// [`TransferError::Link`] if the link is broken. That the network lost it is no error.
    pub fn send(&mut self, payload: &[u8]) -> Result<(), TransferError> {
        let now = self.clock.to_core(self.now);
        let transmit = self.core.send(now, payload, &mut *self.out)?;
        Ok(self.link.send(transmit.to, transmit.datagram)?)
    }

    /// The next change of state. Call until `None`.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.core.poll_event()
    }

    /// Blocks until a datagram may have come, something is due, or `limit` has passed. Then begin
    /// the next turn.
    ///
    /// # Errors
    /// The link is broken.
    pub fn wait(&mut self, limit: Duration) -> io::Result<()> {
        self.end_turn()?;
        let wait = self.next_deadline().map_or(limit, |due| {
            due.saturating_duration_since(Instant::now()).min(limit)
        });
        self.link.wait(wait)
    }

    /// When the next turn is due if nothing arrives: for event loops that wait by themselves.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.core
            .next_deadline()
            .and_then(|due| self.clock.to_system(due))
    }

    /// Ends the connection and tells the server.
    ///
    /// # Errors
    /// The link is broken.
    pub fn disconnect(&mut self) -> io::Result<()> {
        self.core.disconnect(self.clock.to_core(self.now));
        self.transmit()
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

    /// How many slots the server has, while connected.
    pub fn max_clients(&self) -> Option<u32> {
        self.core.max_clients()
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

    /// The addresses it is bound to.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.link.local_addresses()
    }

    /// The link: its counters, or its sockets to wait for in an event loop of the caller's.
    pub fn link(&self) -> &L {
        &self.link
    }
}
