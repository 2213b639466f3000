//! Server shell over smoltcp sockets.

use chacha20::ChaCha20Rng;
use netcode_core::crypto::{Crypto, Key, RustCrypto};
use netcode_core::server::{
    self, Admission, Event, MAX_SEND_BYTES, Received, ServerConfig, StartError, Storage,
};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientIndex, UnixTime};
use rand_core::{CryptoRng, SeedableRng};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::time::Instant;

use crate::convert::{from_core, to_core};
use crate::error::{ConfigError, SendError};
use crate::lanes::Purpose;
use crate::link::Link;
use crate::sizes::check_sockets;
use crate::stats::SocketStats;

/// Server on `N` sockets. The caller lends its tables: a
/// [`StaticStorage`](netcode_core::server::StaticStorage) in a `static`.
///
/// A smoltcp socket keeps a datagram whose neighbour does not answer, and all behind it. So a
/// server has one socket that receives and answers handshakes, and one for each client, which only
/// sends: a host that cannot be reached delays its own datagrams alone.
pub struct Server<'s, const N: usize, C = RustCrypto> {
    core: server::Server<'s, C>,
    link: Link<N>,
    out: [u8; MAX_SEND_BYTES],
}

impl<'s, const N: usize> Server<'s, N> {
    /// Stopped server on UDP sockets of the application's set: as many as
    /// [`server_sockets`](crate::server_sockets) returns.
    ///
    /// The first is bound to the port that tokens name, and has the lowest of the handles: smoltcp
    /// delivers datagrams to the first socket of a port. The others need no receive buffer, and are
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
    /// Stopped server that seals and opens with `crypto`.
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

    /// Starts to accept clients. `unix` is the date at `now`; keep it right with
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

    /// Starts with 32 random bytes instead of a generator, for chips whose generator is of another
    /// version of `rand_core`. The crate's front page lists sources of such bytes.
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

    /// Disconnects all clients and accepts no more. The disconnect packets leave in the next turn.
    pub fn stop(&mut self, now: Instant) {
        self.core.stop(to_core(now));
    }

    /// Opens or closes the server to new clients. A closed one denies them and keeps those that are
    /// connected.
    pub fn set_admission(&mut self, admission: Admission) {
        self.core.set_admission(admission);
    }

    /// Changes the private key. Tokens under the one so far are accepted until a date. `false` if
    /// `key` is the current key already: see [`rotate_key`](server::Server::rotate_key) of the core.
    pub fn rotate_key(&mut self, key: Key, previous_valid_until: UnixTime) -> bool {
        self.core.rotate_key(key, previous_valid_until)
    }

    /// Sets the date at `now`: every minute or so is enough.
    pub fn set_unix_time(&mut self, now: Instant, unix: UnixTime) {
        self.core.set_unix_time(to_core(now), unix);
    }

    /// Next event of this turn; `None` when there is no more. Call it after polling the interface
    /// until it returns `None`, then let the interface send. The next turn is due after the
    /// interface has received something, and no later than [`next_deadline`](Self::next_deadline).
    ///
    /// Events come in the order in which they became true: a client's `Connected`, its payloads,
    /// its `Disconnected`. A payload lies in `buffer`. Timeouts are evaluated, and due packets are
    /// sent, after the last datagram that has arrived was read. Work is bounded by the datagrams
    /// queued in the socket. Datagrams that do not fit the socket are lost and counted; the
    /// protocol repeats those that matter.
    pub fn next_event<'b>(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Option<Event<&'b [u8]>> {
        let event = self.take(now, sockets, buffer).or_else(|| {
            self.transmit(now, sockets);
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
        let now = to_core(now);
        loop {
            // Events of a command or of time precede those of the next datagram.
            if let Some(event) = self.core.poll_event() {
                return Some(event);
            }
            let (len, from) = self.link.receive(sockets, buffer)?;
            let datagram = buffer.get_mut(..len)?;
            match self.core.handle_datagram(now, from, datagram) {
                Ok(Received::Event(event)) => {
                    self.link.heard(from);
                    return Some(event);
                }
                Ok(Received::Reply(reply)) => {
                    let (to, datagram) = (reply.to, reply.datagram);
                    let _ = self.link.send(now, sockets, Purpose::Reply, to, datagram);
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
            // Without room the datagram is lost, as on the network, and counted: waiting for room
            // would stop the core's time while its deadlines pass.
            let to = transmit.to;
            let _ = self
                .link
                .send(now, sockets, Purpose::Session, to, transmit.datagram);
        }
    }

    /// Sends a payload of 1 to 1200 bytes: it is queued in the socket until the interface is
    /// polled. `false` if no client is connected there: nothing was sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        client: ClientIndex,
        payload: &[u8],
    ) -> Result<bool, SendError> {
        let now = to_core(now);
        let Some(outgoing) = self.core.send(now, client, payload, &mut self.out)? else {
            return Ok(false);
        };
        for transmit in outgoing {
            let to = transmit.to;
            self.link
                .send(now, sockets, Purpose::Session, to, transmit.datagram)?;
        }
        Ok(true)
    }

    /// Sends a payload to every connected client; returns the number of sockets that accepted it. A
    /// full socket, or a host that does not answer, affects its own client alone.
    ///
    /// # Errors
    /// [`SendError::Core`].
    pub fn broadcast(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        payload: &[u8],
    ) -> Result<u32, SendError> {
        self.send_to(now, sockets, self.core.slots(), payload)
    }

    /// Sends a payload to every connected client but `except`; returns the number of sockets that
    /// accepted it.
    ///
    /// # Errors
    /// [`SendError::Core`].
    pub fn broadcast_except(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        except: ClientIndex,
        payload: &[u8],
    ) -> Result<u32, SendError> {
        let others = self.core.slots().filter(move |&client| client != except);
        self.send_to(now, sockets, others, payload)
    }

    fn send_to(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        clients: impl Iterator<Item = ClientIndex>,
        payload: &[u8],
    ) -> Result<u32, SendError> {
        let mut count = 0_u32;
        for client in clients {
            match self.send(now, sockets, client, payload) {
                Ok(sent) => count = count.saturating_add(u32::from(sent)),
                Err(error @ SendError::Core(_)) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(count)
    }

    /// Ends a client's session; `false` if no client is connected there.
    pub fn disconnect(&mut self, now: Instant, client: ClientIndex) -> bool {
        self.core.disconnect(to_core(now), client)
    }

    /// Ends every session.
    pub fn disconnect_all(&mut self, now: Instant) {
        self.core.disconnect_all(to_core(now));
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

fn in_buffer(event: Option<Event>, buffer: &[u8]) -> Option<Event<&[u8]>> {
    Some(event?.map_payload(|range| buffer.get(range).unwrap_or_default()))
}
