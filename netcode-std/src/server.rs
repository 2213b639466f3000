//! Server shell: the core's server with a link, a clock and randomness.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_core::crypto::{Crypto, Key};
use netcode_core::server::{
    Admission, Capacity, ConfigError, Event, LoopbackError, MAX_SEND_BYTES, Received, ServerConfig,
    Storage,
};
use netcode_core::{ClientId, ClientIndex, UnixTime, UserData};

use crate::clock::{Origin, unix_time};
use crate::error::{BindError, SendError};
use crate::link::Link;
use crate::log::ServerLog;
use crate::loopback::{LocalClient, LoopbackClients};
use crate::random;
use crate::socket::{SocketOptions, UdpLink};
use crate::{DefaultCrypto, RECEIVE_BUFFER_BYTES};

/// Dedicated server.
///
/// A turn of the program's loop: [`update`](Self::update) with the time, drain
/// [`next_event`](Self::next_event), send, then [`wait`](Self::wait) or do something else. Clients,
/// counters and configuration are read from [`core`](Self::core).
pub struct Server<L = UdpLink, C = DefaultCrypto> {
    core: netcode_core::server::Server<'static, C>,
    link: L,
    origin: Origin,
    now: Instant,
    /// Timeouts of this turn are still to be evaluated and due packets to be sent: that happens
    /// after everything that has arrived was read.
    owes_transmit: bool,
    loopback: LoopbackClients,
    log: ServerLog,
    out: Box<[u8; MAX_SEND_BYTES]>,
}

impl Server<UdpLink> {
    /// Binds UDP sockets to `addresses`, at most one of each family, and starts the server.
    ///
    /// `config.addresses` are the addresses that tokens name. Leave them empty to use the bound
    /// ones, with the ports that the system chose. A server that is bound to all interfaces
    /// (`0.0.0.0`, `[::]`) or is behind NAT must set them: a token names an address that clients
    /// can send to.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(addresses: &[SocketAddr], config: ServerConfig) -> Result<Self, BindError> {
        let link = UdpLink::bind(addresses, &SocketOptions::default()).map_err(BindError::Link)?;
        Self::with_link(link, config)
    }
}

impl<L: Link> Server<L> {
    /// Starts a server over a link of the caller's, with room for `config.max_clients`.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn with_link(link: L, config: ServerConfig) -> Result<Self, BindError> {
        Self::with_crypto(link, config, DefaultCrypto::default())
    }
}

impl<L: Link, C: Crypto> Server<L, C> {
    /// Starts a server over a link of the caller's that seals and opens with `crypto`.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn with_crypto(link: L, mut config: ServerConfig, crypto: C) -> Result<Self, BindError> {
        if config.addresses.is_empty() {
            for address in link.local_addresses() {
                if address.ip().is_unspecified() {
                    return Err(BindError::Unspecified(address));
                }
                config
                    .addresses
                    .push(address)
                    .map_err(|_| ConfigError::NoAddress)?;
            }
        }
        let storage = Storage::heap(Capacity::for_clients(config.max_clients));
        let core = netcode_core::server::Server::with_crypto(storage, config, crypto)?;
        let now = Instant::now();
        let mut server = Self {
            core,
            link,
            origin: Origin::start(now),
            now,
            owes_transmit: false,
            loopback: LoopbackClients::default(),
            log: ServerLog::new(now),
            out: Box::new([0; MAX_SEND_BYTES]),
        };
        server.start()?;
        Ok(server)
    }

    /// Starts again after a [`stop`](Self::stop). A new server is started already.
    ///
    /// # Errors
    /// [`BindError::Start`] if the server runs, or if events of its last run were not drained;
    /// [`BindError::Randomness`] if the system provides none.
    pub fn start(&mut self) -> Result<(), BindError> {
        let mut rng = random::generator().map_err(BindError::Randomness)?;
        let now = self.origin.to_core(self.now);
        self.core.start(now, unix_time(), &mut rng)?;
        self.log.started(&self.core, &self.link.local_addresses());
        Ok(())
    }

    /// Ends every session with disconnect packets, and accepts no more. Drain
    /// [`next_event`](Self::next_event) before the next [`start`](Self::start).
    ///
    /// # Errors
    /// The link is broken.
    pub fn stop(&mut self) -> io::Result<()> {
        self.core.stop(self.origin.to_core(self.now));
        self.log.stopped(&self.core);
        self.transmit()?;
        self.flush()
    }

    /// Opens or closes the server to new clients. A closed one denies them, so that they go on to
    /// the next server of their token, and keeps those that are connected.
    pub fn set_admission(&mut self, admission: Admission) {
        self.core.set_admission(admission);
    }

    /// Changes the private key. Tokens under the one so far are accepted until a date. `false` if
    /// `key` is the current key already: see
    /// [`rotate_key`](netcode_core::server::Server::rotate_key) of the core.
    pub fn rotate_key(&mut self, key: Key, previous_valid_until: UnixTime) -> bool {
        self.core.rotate_key(key, previous_valid_until)
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
        self.log.turn(now);
        self.core
            .set_unix_time(self.origin.to_core(now), unix_time());
        self.loopback.turn(&mut self.core, self.origin.to_core(now));
        Ok(())
    }

    /// Next event of this turn; `None` when there is no more. Call until `None`, every turn.
    ///
    /// Events come in the order in which they became true: a client's `Connected`, its payloads,
    /// its `Disconnected`. A payload lies in `buffer` and borrows nothing else, so the server can
    /// send while it is read. Handshakes are answered meanwhile. Timeouts are evaluated, and due
    /// packets are sent, after the last datagram that has arrived was read: a program that was
    /// suspended ends no session whose packets are queued.
    ///
    /// # Errors
    /// The link is broken: it will not work again. Nothing that a client or the network does is an
    /// error.
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
            self.log.event(&self.core, event);
        }
        if let Some(Event::Disconnected { client, .. }) = event {
            self.loopback.leave(client);
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
            if let Some(event) = self.loopback.receive(&mut self.core, buffer) {
                return Ok(Some(event));
            }
            let Some((len, from)) = self.link.receive(buffer)? else {
                return Ok(None);
            };
            let datagram = buffer.get_mut(..len).unwrap_or_default();
            match self.core.handle_datagram(now, from, datagram) {
                Ok(Received::Event(event)) => return Ok(Some(event)),
                Ok(Received::Reply(reply)) => {
                    self.log.replied(&self.core, reply.to);
                    self.link.send(reply.to, reply.datagram)?;
                }
                Ok(Received::Handled) => {}
                Err(reason) => self.log.dropped(from, reason),
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

    /// Sends a payload of 1 to 1200 bytes to a client. `false`: no client is connected there, and
    /// nothing was sent. Loss on the network is not an error.
    ///
    /// Payloads may be collected; they leave at the end of the turn ([`wait`](Self::wait) or the
    /// next [`update`](Self::update)), or with [`flush`](Self::flush).
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, client: ClientIndex, payload: &[u8]) -> Result<bool, SendError> {
        if self.loopback.contains(client) {
            return Ok(self.loopback.send(&mut self.core, client, payload)?);
        }
        let now = self.origin.to_core(self.now);
        let Some(outgoing) = self.core.send(now, client, payload, &mut *self.out)? else {
            return Ok(false);
        };
        for transmit in outgoing {
            self.link.send(transmit.to, transmit.datagram)?;
        }
        Ok(true)
    }

    /// Sends a payload to every connected client; returns their number.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn broadcast(&mut self, payload: &[u8]) -> Result<u32, SendError> {
        self.send_to(self.slots(), payload)
    }

    /// Sends a payload to every connected client but `except`; returns their number.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn broadcast_except(
        &mut self,
        except: ClientIndex,
        payload: &[u8],
    ) -> Result<u32, SendError> {
        let others = self.slots().filter(move |&client| client != except);
        self.send_to(others, payload)
    }

    fn send_to(
        &mut self,
        clients: impl Iterator<Item = ClientIndex>,
        payload: &[u8],
    ) -> Result<u32, SendError> {
        let mut count = 0;
        for client in clients {
            count += u32::from(self.send(client, payload)?);
        }
        Ok(count)
    }

    /// Index of every slot, whether a client is connected there or not. It borrows nothing, so the
    /// server can send while it is iterated.
    pub fn slots(&self) -> impl Iterator<Item = ClientIndex> + use<L, C> {
        self.core.slots()
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
        if self.loopback.has_payloads() {
            return Ok(());
        }
        let wait = self.next_deadline().map_or(limit, |due| {
            due.saturating_duration_since(Instant::now()).min(limit)
        });
        self.link.wait(wait)
    }

    /// Time at which the next turn is due if nothing arrives, for an event loop of the program's
    /// own.
    pub fn next_deadline(&self) -> Option<Instant> {
        let core = self.core.next_deadline();
        let due = core.and_then(|due| self.origin.to_system(due));
        due.into_iter().chain(self.log.next_deadline()).min()
    }

    /// Connects a client in this process, without network or encryption, such as a hosting
    /// player's.
    ///
    /// # Errors
    /// See [`LoopbackError`].
    pub fn join_loopback(
        &mut self,
        client_id: ClientId,
        user_data: &UserData,
    ) -> Result<LocalClient, LoopbackError> {
        let now = self.origin.to_core(self.now);
        let client = self.core.connect_loopback(now, client_id, user_data)?;
        Ok(self.loopback.join(client, self.core.config().max_clients))
    }

    /// Ends a client's session with disconnect packets. `false`: no client is connected there.
    ///
    /// # Errors
    /// The link is broken.
    pub fn disconnect(&mut self, client: ClientIndex) -> io::Result<bool> {
        let was_connected = self.core.disconnect(self.origin.to_core(self.now), client);
        self.transmit()?;
        Ok(was_connected)
    }

    /// Ends every session with disconnect packets.
    ///
    /// # Errors
    /// The link is broken.
    pub fn disconnect_all(&mut self) -> io::Result<()> {
        self.core.disconnect_all(self.origin.to_core(self.now));
        self.transmit()
    }

    /// Core of the server: clients, counters, configuration.
    pub fn core(&self) -> &netcode_core::server::Server<'static, C> {
        &self.core
    }

    /// The link: its counters, its addresses, or its sockets to wait for in an event loop of the
    /// program's own.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// Addresses that the server is bound to, with the ports the system chose.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.link.local_addresses()
    }
}

impl<L: fmt::Debug, C> fmt::Debug for Server<L, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("core", &self.core)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}
