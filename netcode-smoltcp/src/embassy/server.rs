//! A netcode server on an embassy-net socket.

use core::net::SocketAddr;
use core::ops::Range;

use chacha20::ChaCha20Rng;
use embassy_net::udp::UdpSocket;
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::server::{
    self, ClientInfo, MAX_SEND_BYTES, Received, ServerConfig, ServerEvent, ServerStats, StartError,
    Storage,
};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientId, ClientIndex, Sequence, UnixTime};
use rand_core::{CryptoRng, SeedableRng};

use super::socket::{Link, now};
use crate::lanes::Traffic;
use crate::sizes::check_sockets;
use crate::{ConfigError, SendError, SocketStats};

/// What [`Server::next`] waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ServerIncoming<'b> {
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
}

/// Whose payload, which, and where in the buffer.
type Found = (ClientIndex, Sequence, Range<usize>);

/// A server on `N` sockets, for the reason that is said of the other
/// [`Server`](crate::Server). Its tables are the caller's: a
/// [`StaticStorage`](netcode_core::server::StaticStorage) in a `static`.
pub struct Server<'s, const N: usize, C = RustCrypto> {
    core: server::Server<'s, C>,
    link: Link<'s, N>,
    out: [u8; MAX_SEND_BYTES],
}

impl<'s, const N: usize> Server<'s, N> {
    /// A stopped server on as many sockets as [`server_sockets`](crate::server_sockets) says.
    ///
    /// The first is bound to the port that tokens name, and was made before the others: embassy-net
    /// hands what arrives to the first socket of a port. The others need no receive buffer, and are
    /// bound when they are first used.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(
        sockets: [UdpSocket<'s>; N],
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
        sockets: [UdpSocket<'s>; N],
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

    /// Starts to let clients in. `unix` is the date now. What makes good randomness is said on
    /// the crate's front page.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(&mut self, unix: UnixTime, rng: &mut impl CryptoRng) -> Result<(), StartError> {
        self.core.start(now(), unix, rng)
    }

    /// The same with 32 random bytes instead of a generator, for chips whose generator is of
    /// another version of `rand_core`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with_seed(&mut self, unix: UnixTime, seed: [u8; 32]) -> Result<(), StartError> {
        self.start(unix, &mut ChaCha20Rng::from_seed(seed))
    }

    /// Disconnects everybody and lets nobody in. The disconnect packets wait in the sockets when
    /// this returns: let embassy-net's runner have its turn before they are dropped.
    pub fn stop(&mut self) {
        self.core.stop(now());
        self.transmit();
    }

    /// Tells the date: every minute or so is enough.
    pub fn set_unix_time(&mut self, unix: UnixTime) {
        self.core.set_unix_time(now(), unix);
    }

    /// Receives, answers and keeps alive until there is an event or a payload.
    ///
    /// Nobody is kept alive while nobody awaits this. Dropped early, it loses nothing. Its work
    /// is bounded by what waits in the socket: embassy-net's runner fills that only between two
    /// turns of the task.
    pub async fn next<'b>(
        &mut self,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> ServerIncoming<'b> {
        let (client, sequence, range) = loop {
            if let Some(event) = self.core.poll_event() {
                return ServerIncoming::Event(event);
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
                return ServerIncoming::Event(event);
            }
            let waiting = self.link.deadline();
            let due = self.core.next_deadline().into_iter().chain(waiting).min();
            self.link.wait(due).await;
        };
        let payload = buffer.get(range).unwrap_or_default();
        ServerIncoming::Payload {
            client,
            sequence,
            payload,
        }
    }

    /// Takes in the next datagram, if there is one: whose payload it brought, and where in `buffer`
    /// that lies.
    fn take_in(&mut self, buffer: &mut [u8]) -> Option<Option<Found>> {
        let (len, from) = self.link.receive(buffer)?;
        let datagram = buffer.get_mut(..len)?;
        let start = datagram.as_ptr().addr();
        match self.core.handle_datagram(now(), from, datagram) {
            Ok(Received::Payload {
                client,
                sequence,
                payload,
            }) => {
                self.link.heard(from);
                let at = payload.as_ptr().addr().saturating_sub(start);
                return Some(Some((
                    client,
                    sequence,
                    at..at.saturating_add(payload.len()),
                )));
            }
            Ok(Received::Reply(reply)) => {
                let _ = self.link.send(Traffic::Reply, reply.to, reply.datagram);
            }
            Ok(Received::Handled) => self.link.heard(from),
            Err(_) => {}
        }
        Some(None)
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.core.poll_transmit(now(), &mut self.out) {
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
    pub fn send(&mut self, client: ClientIndex, payload: &[u8]) -> Result<(), SendError> {
        let outgoing = self.core.send(now(), client, payload, &mut self.out)?;
        for transmit in outgoing {
            self.link
                .send(Traffic::Session, transmit.to, transmit.datagram)?;
        }
        Ok(())
    }

    /// Ends a client's session; false if nobody is connected there. The client is told while
    /// [`next`](Self::next) is awaited.
    pub fn disconnect(&mut self, client: ClientIndex) -> bool {
        self.core.disconnect(now(), client)
    }

    /// Ends every session. The disconnect packets wait in the sockets when this returns.
    pub fn disconnect_all(&mut self) {
        self.core.disconnect_all(now());
        self.transmit();
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
