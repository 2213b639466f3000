//! A netcode server on an embassy-net socket.

use chacha20::ChaCha20Rng;
use embassy_net::udp::UdpSocket;
use netcode_core::crypto::{Crypto, RustCrypto};
use netcode_core::server::{
    self, Event, MAX_SEND_BYTES, Received, ServerConfig, StartError, Storage,
};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientIndex, UnixTime};
use rand_core::{CryptoRng, SeedableRng};

use super::socket::{Link, now};
use crate::lanes::Traffic;
use crate::sizes::check_sockets;
use crate::{ConfigError, SendError, SocketStats};

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

    /// Receives, answers and keeps alive until there is an event. A payload lies in `buffer`.
    ///
    /// Nobody is kept alive while nobody awaits this. Dropped early, it loses nothing. Its work
    /// is bounded by what waits in the socket: embassy-net's runner fills that only between two
    /// turns of the task.
    pub async fn next_event<'b>(
        &mut self,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Event<&'b [u8]> {
        let event = loop {
            if let Some(event) = self.take(buffer) {
                break event;
            }
            // All that has arrived is read before time is judged, so that a late turn ends nothing.
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

    /// Takes datagrams up to the next event; the place of a payload is one in `buffer`.
    fn take(&mut self, buffer: &mut [u8]) -> Option<Event> {
        loop {
            // What a command or time caused came before what the next datagram causes.
            if let Some(event) = self.core.poll_event() {
                return Some(event);
            }
            let (len, from) = self.link.receive(buffer)?;
            let datagram = buffer.get_mut(..len)?;
            match self.core.handle_datagram(now(), from, datagram) {
                Ok(Received::Event(event)) => {
                    self.link.heard(from);
                    return Some(event);
                }
                Ok(Received::Reply(reply)) => {
                    let _ = self.link.send(Traffic::Reply, reply.to, reply.datagram);
                }
                Ok(Received::Handled) => self.link.heard(from),
                Err(_) => {}
            }
        }
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
    /// `false`: nobody is connected there, and nothing was sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, client: ClientIndex, payload: &[u8]) -> Result<bool, SendError> {
        let Some(outgoing) = self.core.send(now(), client, payload, &mut self.out)? else {
            return Ok(false);
        };
        for transmit in outgoing {
            self.link
                .send(Traffic::Session, transmit.to, transmit.datagram)?;
        }
        Ok(true)
    }

    /// Sends a payload to every connected client; how many sockets took it. A socket that is full,
    /// or a host that does not answer, costs its own client alone.
    ///
    /// # Errors
    /// [`SendError::Core`].
    pub fn broadcast(&mut self, payload: &[u8]) -> Result<u32, SendError> {
        self.send_to(self.core.slots(), payload)
    }

    /// Sends a payload to every connected client but `except`; how many sockets took it.
    ///
    /// # Errors
    /// [`SendError::Core`].
    pub fn broadcast_except(
        &mut self,
        except: ClientIndex,
        payload: &[u8],
    ) -> Result<u32, SendError> {
        let others = self.core.slots().filter(move |&client| client != except);
        self.send_to(others, payload)
    }

    fn send_to(
        &mut self,
        clients: impl Iterator<Item = ClientIndex>,
        payload: &[u8],
    ) -> Result<u32, SendError> {
        let mut count = 0_u32;
        for client in clients {
            match self.send(client, payload) {
                Ok(sent) => count = count.saturating_add(u32::from(sent)),
                Err(error @ SendError::Core(_)) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(count)
    }

    /// Ends a client's session; false if nobody is connected there. The client is told while
    /// [`next_event`](Self::next_event) is awaited.
    pub fn disconnect(&mut self, client: ClientIndex) -> bool {
        self.core.disconnect(now(), client)
    }

    /// Ends every session. The disconnect packets wait in the sockets when this returns.
    pub fn disconnect_all(&mut self) {
        self.core.disconnect_all(now());
        self.transmit();
    }

    /// The core: clients, slots, counters, configuration.
    pub const fn core(&self) -> &server::Server<'s, C> {
        &self.core
    }

    /// Datagrams that the socket could not carry.
    pub const fn socket_stats(&self) -> SocketStats {
        self.link.stats()
    }
}
