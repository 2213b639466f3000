//! A netcode server on an embassy-net socket.

use core::net::SocketAddr;

use chacha20::ChaCha20Rng;
use embassy_net::udp::UdpSocket;
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::server::{
    self, ClientInfo, ConfigError, MAX_SEND_BYTES, Received, ServerConfig, ServerEvent,
    ServerStats, StartError, Storage,
};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientId, ClientIndex, Sequence, UnixTime};
use rand_core::{CryptoRng, SeedableRng};

use super::socket::{Socket, now};
use crate::{SendError, SocketStats};

/// What [`Server::next`] waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A server. Its tables are the caller's: a
/// [`StaticStorage`](netcode_core::server::StaticStorage) in a `static`.
pub struct Server<'s, C = RustCrypto> {
    core: server::Server<'s, C>,
    socket: Socket<'s>,
    out: [u8; MAX_SEND_BYTES],
}

impl<'s> Server<'s> {
    /// A stopped server on a socket that is bound to the port tokens name.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(
        socket: UdpSocket<'s>,
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
        socket: UdpSocket<'s>,
        storage: Storage<'s>,
        config: ServerConfig,
        crypto: C,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            core: server::Server::with_crypto(storage, config, crypto)?,
            socket: Socket::new(socket),
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

    /// Disconnects everybody and lets nobody in. The disconnect packets wait in the socket when
    /// this returns: let embassy-net's runner have its turn before the socket is dropped.
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
            self.transmit();
            if let Some(event) = self.core.poll_event() {
                return ServerIncoming::Event(event);
            }
            let deadline = self.core.next_deadline();
            let Some((len, from)) = self.socket.receive(&mut buffer[..], deadline).await else {
                continue;
            };
            let datagram = buffer.get_mut(..len).unwrap_or_default();
            let start = datagram.as_ptr().addr();
            match self.core.handle_datagram(now(), from, datagram) {
                Ok(Received::Payload {
                    client,
                    sequence,
                    payload,
                }) => {
                    let at = payload.as_ptr().addr().saturating_sub(start);
                    break (client, sequence, at..at.saturating_add(payload.len()));
                }
                Ok(Received::Reply(reply)) => {
                    let _ = self.socket.send(reply.to, reply.datagram);
                }
                Ok(Received::Handled) | Err(_) => {}
            }
        };
        let payload = buffer.get(range).unwrap_or_default();
        ServerIncoming::Payload {
            client,
            sequence,
            payload,
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.core.poll_transmit(now(), &mut self.out) {
            // What finds no room is lost, as on the way, and counted.
            let _ = self.socket.send(transmit.to, transmit.datagram);
        }
    }

    /// Sends a payload of 1 to 1200 bytes: it waits in the socket for embassy-net's runner.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, client: ClientIndex, payload: &[u8]) -> Result<(), SendError> {
        let outgoing = self.core.send(now(), client, payload, &mut self.out)?;
        for transmit in outgoing {
            self.socket.send(transmit.to, transmit.datagram)?;
        }
        Ok(())
    }

    /// Ends a client's session; false if nobody is connected there.
    pub fn disconnect(&mut self, client: ClientIndex) -> bool {
        let ended = self.core.disconnect(now(), client);
        self.transmit();
        ended
    }

    /// Ends every session.
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
        self.socket.stats()
    }
}
