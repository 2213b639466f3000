//! Server shell over embassy-net sockets.

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
use crate::lanes::Purpose;
use crate::sizes::check_sockets;
use crate::{ConfigError, SendError, SocketStats};

/// Server on `N` sockets, for the reason given at the other [`Server`](crate::Server). The caller
/// lends its tables: a [`StaticStorage`](netcode_core::server::StaticStorage) in a `static`.
pub struct Server<'s, const N: usize, C = RustCrypto> {
    core: server::Server<'s, C>,
    link: Link<'s, N>,
    out: [u8; MAX_SEND_BYTES],
}

impl<'s, const N: usize> Server<'s, N> {
    /// Stopped server on as many sockets as [`server_sockets`](crate::server_sockets) returns.
    ///
    /// The first is bound to the port that tokens name, and was created before the others:
    /// embassy-net delivers datagrams to the first socket of a port. The others need no receive
    /// buffer, and are bound when they are first used.
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
    /// Stopped server that seals and opens with `crypto`.
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

    /// Starts to accept clients. `unix` is the present date. The crate's front page lists sources
    /// of randomness.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(&mut self, unix: UnixTime, rng: &mut impl CryptoRng) -> Result<(), StartError> {
        self.core.start(now(), unix, rng)
    }

    /// Starts with 32 random bytes instead of a generator, for chips whose generator is of another
    /// version of `rand_core`.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with_seed(&mut self, unix: UnixTime, seed: [u8; 32]) -> Result<(), StartError> {
        self.start(unix, &mut ChaCha20Rng::from_seed(seed))
    }

    /// Disconnects all clients and accepts no more. The disconnect packets are queued in the
    /// sockets when this returns: let embassy-net's runner run before they are dropped.
    pub fn stop(&mut self) {
        self.core.stop(now());
        self.transmit();
    }

    /// Sets the date: every minute or so is enough.
    pub fn set_unix_time(&mut self, unix: UnixTime) {
        self.core.set_unix_time(now(), unix);
    }

    /// Receives, answers and keeps sessions alive until there is an event. A payload lies in
    /// `buffer`.
    ///
    /// Sessions are kept alive only while this is awaited. Dropping the future loses nothing. Work
    /// is bounded by the datagrams queued in the socket: embassy-net's runner fills it only between
    /// two turns of the task.
    pub async fn next_event<'b>(
        &mut self,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Event<&'b [u8]> {
        let event = loop {
            if let Some(event) = self.take(buffer) {
                break event;
            }
            // All that has arrived is read before time is evaluated, so that a late turn ends no
            // session.
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

    /// Reads datagrams up to the next event; a payload's range is one in `buffer`.
    fn take(&mut self, buffer: &mut [u8]) -> Option<Event> {
        loop {
            // Events of a command or of time precede those of the next datagram.
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
                    let _ = self.link.send(Purpose::Reply, reply.to, reply.datagram);
                }
                Ok(Received::Handled) => self.link.heard(from),
                Err(_) => {}
            }
        }
    }

    fn transmit(&mut self) {
        while let Some(transmit) = self.core.poll_transmit(now(), &mut self.out) {
            // Without room the datagram is lost, as on the network, and counted.
            let _ = self
                .link
                .send(Purpose::Session, transmit.to, transmit.datagram);
        }
    }

    /// Sends a payload of 1 to 1200 bytes: it is queued in the socket for embassy-net's runner.
    /// `false` if no client is connected there: nothing was sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, client: ClientIndex, payload: &[u8]) -> Result<bool, SendError> {
        let Some(outgoing) = self.core.send(now(), client, payload, &mut self.out)? else {
            return Ok(false);
        };
        for transmit in outgoing {
            self.link
                .send(Purpose::Session, transmit.to, transmit.datagram)?;
        }
        Ok(true)
    }

    /// Sends a payload to every connected client; returns the number of sockets that accepted it. A
    /// full socket, or a host that does not answer, affects its own client alone.
    ///
    /// # Errors
    /// [`SendError::Core`].
    pub fn broadcast(&mut self, payload: &[u8]) -> Result<u32, SendError> {
        self.send_to(self.core.slots(), payload)
    }

    /// Sends a payload to every connected client but `except`; returns the number of sockets that
    /// accepted it.
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

    /// Ends a client's session; `false` if no client is connected there. The disconnect packets leave
    /// while [`next_event`](Self::next_event) is awaited.
    pub fn disconnect(&mut self, client: ClientIndex) -> bool {
        self.core.disconnect(now(), client)
    }

    /// Ends every session. The disconnect packets are queued in the sockets when this returns.
    pub fn disconnect_all(&mut self) {
        self.core.disconnect_all(now());
        self.transmit();
    }

    /// Core of the server: clients, slots, counters, configuration.
    pub const fn core(&self) -> &server::Server<'s, C> {
        &self.core
    }

    /// Counters of datagrams that the sockets could not send or receive.
    pub const fn socket_stats(&self) -> SocketStats {
        self.link.stats()
    }
}
