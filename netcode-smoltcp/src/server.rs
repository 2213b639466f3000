//! A netcode server on a smoltcp socket.

use core::net::SocketAddr;
use core::ops::Range;

use chacha20::ChaCha20Rng;
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::server::{
    self, ClientInfo, MAX_SEND_BYTES, Received, ServerConfig, ServerEvent, ServerStats, StartError,
    Storage,
};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientId, ClientIndex, Sequence, UnixTime};
use rand_core::{CryptoRng, SeedableRng};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::time::Instant;

use crate::convert::{from_core, to_core};
use crate::error::{ConfigError, SendError};
use crate::lanes::Traffic;
use crate::link::Link;
use crate::sizes::check_sockets;
use crate::stats::SocketStats;

/// What a call of [`Server::poll`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ServerPolled<'b> {
    /// A change among the clients.
    Event(ServerEvent),
    /// A client sent a payload; it stands in the lent buffer.
    Payload {
        /// Whose.
        client: ClientIndex,
        /// Payloads arrive in any order; this tells which is newer.
        sequence: Sequence,
        /// The bytes, 1 to 1200.
        payload: &'b [u8],
    },
    /// Nothing more. Poll again after the interface has received something, and no later than
    /// this.
    Idle(#[cfg_attr(feature = "defmt", defmt(Debug2Format))] Option<Instant>),
}

/// A server on `N` sockets. Its tables are the caller's: a
/// [`StaticStorage`](netcode_core::server::StaticStorage) in a `static`.
///
/// A socket of smoltcp keeps a datagram whose neighbour does not answer, and all that is behind it.
/// So a server has one that receives and answers those who ask to be let in, and one for each
/// client, which only sends: a host that cannot be reached stops its own datagrams alone.
pub struct Server<'s, const N: usize, C = RustCrypto> {
    core: server::Server<'s, C>,
    link: Link<N>,
    out: [u8; MAX_SEND_BYTES],
}

impl<'s, const N: usize> Server<'s, N> {
    /// A stopped server on UDP sockets of the application's set: as many as
    /// [`server_sockets`](crate::server_sockets) says.
    ///
    /// The first is bound to the port that tokens name, and the lowest of the handles: smoltcp
    /// hands what arrives to the first socket of a port. The others need no receive buffer, and are
    /// bound when they are first used.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(
        sockets: [SocketHandle; N],
        storage: Storage<'s>,
        config: ServerConfig,
    ) -> Result<Self, ConfigError> {
        Self::with_crypto(sockets, storage, config, RustCrypto)
    }
}

impl<'s, const N: usize, C: Crypto> Server<'s, N, C> {
    /// A stopped server that seals and opens with `crypto`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn with_crypto(
        sockets: [SocketHandle; N],
        storage: Storage<'s>,
        config: ServerConfig,
        crypto: C,
    ) -> Result<Self, ConfigError> {
        check_sockets(N, &config)?;
        Ok(Self {
            core: server::Server::with_crypto(storage, config, crypto)?,
            link: Link::new(sockets),
            out: [0; MAX_SEND_BYTES],
        })
    }

    /// Starts to let clients in. `unix` is the date at `now`; tell it again with
    /// [`set_unix_time`](Self::set_unix_time).
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        &mut self,
        now: Instant,
        unix: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError> {
        self.core.start(to_core(now), unix, rng)
    }

    /// The same with 32 random bytes instead of a generator, for chips whose generator is of
    /// another version of `rand_core`. See the front page for where such bytes come from.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with_seed(
        &mut self,
        now: Instant,
        unix: UnixTime,
        seed: [u8; 32],
    ) -> Result<(), StartError> {
        self.start(now, unix, &mut ChaCha20Rng::from_seed(seed))
    }

    /// Disconnects everybody and lets nobody in. The clients are told at the next
    /// [`poll`](Self::poll).
    pub fn stop(&mut self, now: Instant) {
        self.core.stop(to_core(now));
    }

    /// Tells the date at `now`: every minute or so is enough.
    pub fn set_unix_time(&mut self, now: Instant, unix: UnixTime) {
        self.core.set_unix_time(to_core(now), unix);
    }

    /// One turn: receives, answers, keeps alive. Call it after the interface was polled, again
    /// and again until it is [`ServerPolled::Idle`]; then let the interface send.
    ///
    /// Work is bounded by what waits in the socket. Datagrams that the socket has no room for are
    /// lost and counted; what matters is repeated.
    pub fn poll<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> ServerPolled<'b> {
        // All that has arrived is read before time is judged, so that a late turn ends nothing.
        if let Some(taken) = self.take_in(now, sockets, buffer) {
            return taken.with(buffer);
        }
        self.transmit(now, sockets);
        match self.core.poll_event() {
            Some(event) => ServerPolled::Event(event),
            None => ServerPolled::Idle(self.deadline()),
        }
    }

    /// The first half of a turn: receives and replies, and no more; `None` if there is nothing
    /// more. A loop that takes several frames from the card, one by one, calls it after each until
    /// then, and [`poll`](Self::poll) after the last: so all of them are read before a timeout is
    /// judged.
    pub fn receive<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Option<ServerPolled<'b>> {
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
        let now = to_core(now);
        loop {
            // Before the next datagram: nobody is heard before they are announced.
            if let Some(event) = self.core.poll_event() {
                return Some(Taken::Event(event));
            }
            let (len, from) = self.link.receive(sockets, buffer)?;
            let datagram = buffer.get_mut(..len)?;
            let start = datagram.as_ptr().addr();
            match self.core.handle_datagram(now, from, datagram) {
                Ok(Received::Payload {
                    client,
                    sequence,
                    payload,
                }) => {
                    self.link.heard(from);
                    let at = payload.as_ptr().addr().saturating_sub(start);
                    let range = at..at.saturating_add(payload.len());
                    return Some(Taken::Payload(client, sequence, range));
                }
                Ok(Received::Reply(reply)) => {
                    let to = reply.to;
                    let _ = self
                        .link
                        .send(now, sockets, Traffic::Reply, to, reply.datagram);
                }
                Ok(Received::Handled) => self.link.heard(from),
                Err(_) => {}
            }
        }
    }

    fn transmit(&mut self, now: Instant, sockets: &mut SocketSet<'_>) {
        let now = to_core(now);
        self.link.pass_time(now, sockets);
        while let Some(transmit) = self.core.poll_transmit(now, &mut self.out) {
            // What finds no room is lost, as on the way, and counted: to wait for room would
            // stop the core's time, and make its deadlines pass while nothing can be done.
            let to = transmit.to;
            let _ = self
                .link
                .send(now, sockets, Traffic::Session, to, transmit.datagram);
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
        client: ClientIndex,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let now = to_core(now);
        let outgoing = self.core.send(now, client, payload, &mut self.out)?;
        for transmit in outgoing {
            let to = transmit.to;
            self.link
                .send(now, sockets, Traffic::Session, to, transmit.datagram)?;
        }
        Ok(())
    }

    /// Ends a client's session; false if nobody is connected there.
    pub fn disconnect(&mut self, now: Instant, client: ClientIndex) -> bool {
        self.core.disconnect(to_core(now), client)
    }

    /// Ends every session.
    pub fn disconnect_all(&mut self, now: Instant) {
        self.core.disconnect_all(to_core(now));
    }

    /// How many clients are connected.
    pub fn connected_count(&self) -> usize {
        self.core.connected_count()
    }

    /// The client in a slot.
    pub fn client(&self, client: ClientIndex) -> Option<ClientInfo<'_>> {
        self.core.client(client)
    }

    /// The slot of a client id.
    pub fn find_by_id(&self, client_id: ClientId) -> Option<ClientIndex> {
        self.core.find_by_id(client_id)
    }

    /// The slot of an address.
    pub fn find_by_address(&self, address: SocketAddr) -> Option<ClientIndex> {
        self.core.find_by_address(address)
    }

    /// Every connected client, by slot.
    pub fn clients(&self) -> impl Iterator<Item = ClientInfo<'_>> + '_ {
        self.core.clients()
    }

    /// What the server has counted.
    pub fn stats(&self) -> &ServerStats {
        self.core.stats()
    }

    /// What the socket could not carry.
    pub const fn socket_stats(&self) -> SocketStats {
        self.link.stats()
    }
}

/// What was taken in, and where in the buffer it lies.
enum Taken {
    Event(ServerEvent),
    Payload(ClientIndex, Sequence, Range<usize>),
}

impl Taken {
    fn with(self, buffer: &[u8]) -> ServerPolled<'_> {
        match self {
            Self::Event(event) => ServerPolled::Event(event),
            Self::Payload(client, sequence, range) => ServerPolled::Payload {
                client,
                sequence,
                payload: buffer.get(range).unwrap_or_default(),
            },
        }
    }
}
