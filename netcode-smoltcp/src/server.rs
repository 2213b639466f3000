//! A netcode server on a smoltcp socket.

use core::net::SocketAddr;
use core::ops::Range;

use chacha20::ChaCha20Rng;
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::server::{
    self, ClientInfo, ConfigError, MAX_SEND_BYTES, Received, ServerConfig, ServerEvent,
    ServerStats, StartError, Storage,
};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientId, ClientIndex, Sequence, UnixTime};
use rand_core::{CryptoRng, SeedableRng};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::time::Instant;

use crate::convert::{from_core, to_core};
use crate::error::SendError;
use crate::link::Link;
use crate::stats::SocketStats;

/// What a call of [`Server::poll`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    Idle(Option<Instant>),
}

/// A server. Its tables are the caller's: a
/// [`StaticStorage`](netcode_core::server::StaticStorage) in a `static`.
pub struct Server<'s, C = RustCrypto> {
    core: server::Server<'s, C>,
    link: Link,
    out: [u8; MAX_SEND_BYTES],
}

impl<'s> Server<'s> {
    /// A stopped server on a UDP socket of the application's set, bound to the port that tokens
    /// name.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(
        socket: SocketHandle,
        storage: Storage<'s>,
        config: ServerConfig,
    ) -> Result<Self, ConfigError> {
        Self::with_crypto(socket, storage, config, RustCrypto)
    }
}

impl<'s, C: Crypto> Server<'s, C> {
    /// A stopped server that seals and opens with `crypto`.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn with_crypto(
        socket: SocketHandle,
        storage: Storage<'s>,
        config: ServerConfig,
        crypto: C,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            core: server::Server::with_crypto(storage, config, crypto)?,
            link: Link::new(socket),
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
        if let Some(event) = self.core.poll_event() {
            return ServerPolled::Event(event);
        }
        if let Some((client, sequence, range)) = self.receive(now, sockets, buffer) {
            let payload = buffer.get(range).unwrap_or_default();
            return ServerPolled::Payload {
                client,
                sequence,
                payload,
            };
        }
        self.transmit(now, sockets);
        match self.core.poll_event() {
            Some(event) => ServerPolled::Event(event),
            None => ServerPolled::Idle(self.core.next_deadline().map(from_core)),
        }
    }

    /// Takes in datagrams up to the next payload; says where in `buffer` that lies.
    fn receive(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &mut [u8],
    ) -> Option<(ClientIndex, Sequence, Range<usize>)> {
        while let Some((len, from)) = self.link.receive(sockets, buffer) {
            let datagram = buffer.get_mut(..len)?;
            let start = datagram.as_ptr().addr();
            match self.core.handle_datagram(to_core(now), from, datagram) {
                Ok(Received::Payload {
                    client,
                    sequence,
                    payload,
                }) => {
                    let at = payload.as_ptr().addr().saturating_sub(start);
                    return Some((client, sequence, at..at.saturating_add(payload.len())));
                }
                Ok(Received::Reply(reply)) => {
                    let _ = self.link.send(sockets, reply.to, reply.datagram);
                }
                Ok(Received::Handled) | Err(_) => {}
            }
        }
        None
    }

    fn transmit(&mut self, now: Instant, sockets: &mut SocketSet<'_>) {
        while let Some(transmit) = self.core.poll_transmit(to_core(now), &mut self.out) {
            // What finds no room is lost, as on the way, and counted: to wait for room would
            // stop the core's time, and make its deadlines pass while nothing can be done.
            let _ = self.link.send(sockets, transmit.to, transmit.datagram);
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
        let outgoing = self
            .core
            .send(to_core(now), client, payload, &mut self.out)?;
        for transmit in outgoing {
            self.link.send(sockets, transmit.to, transmit.datagram)?;
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
