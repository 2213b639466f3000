//! A netcode server over a link: the core with sockets, a clock and randomness.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use netcode_core::server::{
    Capacity, ClientInfo, ConfigError, LoopbackError, MAX_SEND_BYTES, Received, ServerConfig,
    ServerEvent, ServerStats, Storage,
};
use netcode_core::{ClientId, ClientIndex, SendError, Sequence, UserData};

use crate::clock::{Clock, unix_time};
use crate::error::{BindError, TransferError};
use crate::link::Link;
use crate::loopback::{LocalClient, LoopbackClients, copy_out};
use crate::random;
use crate::socket::{SocketOptions, UdpLink};
use crate::{DefaultCrypto, RECEIVE_BUFFER_BYTES};

/// A payload from a client, in the buffer that was lent to [`Server::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'b> {
    /// Whose.
    pub client: ClientIndex,
    /// Payloads arrive in any order; this tells which is newer.
    pub sequence: Sequence,
    /// The bytes, 1 to 1200.
    pub payload: &'b [u8],
}

/// A dedicated server.
///
/// Each turn of a game loop: [`update`](Self::update), then drain
/// [`receive`](Self::receive) and [`poll_event`](Self::poll_event), send, and either do something
/// else or [`wait`](Self::wait).
pub struct Server<L = UdpLink> {
    core: netcode_core::server::Server<'static, DefaultCrypto>,
    link: L,
    clock: Clock,
    now: Instant,
    /// Whether this turn has yet to find timeouts and to send what is due: it does so once it has
    /// read what has arrived.
    owes_transmit: bool,
    loopback: LoopbackClients,
    /// A payload whose client's connect event was not taken yet.
    held: Option<Held>,
    out: Box<[u8; MAX_SEND_BYTES]>,
}

/// Whose payload, which, and where in the buffer.
type Found = (ClientIndex, Sequence, Range<usize>);

struct Held {
    client: ClientIndex,
    sequence: Sequence,
    payload: Vec<u8>,
}

impl Server<UdpLink> {
    /// Binds to `addresses` (one of a family, or one of each) and starts to let clients in.
    ///
    /// The addresses that tokens name are those of `config`, which may be others: behind NAT, say.
    /// To serve at the very addresses that were bound, port 0 included, leave `config.addresses`
    /// empty. Bound to all interfaces (`0.0.0.0`, `[::]`), it must not be empty: a token names an
    /// address that can be dialled.
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
    pub fn with_link(link: L, mut config: ServerConfig) -> Result<Self, BindError> {
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
        let core =
            netcode_core::server::Server::with_crypto(storage, config, DefaultCrypto::default())?;
        let now = Instant::now();
        let mut server = Self {
            core,
            link,
            clock: Clock::start(now),
            now,
            owes_transmit: false,
            loopback: LoopbackClients::default(),
            held: None,
            out: Box::new([0; MAX_SEND_BYTES]),
        };
        server.start()?;
        Ok(server)
    }

    /// Lets clients in again after a [`stop`](Self::stop).
    ///
    /// # Errors
    /// [`BindError::Start`] if it runs, or if its last run is not drained;
    /// [`BindError::Randomness`] if the system has none.
    pub fn start(&mut self) -> Result<(), BindError> {
        let mut rng = random::generator().map_err(BindError::Randomness)?;
        let now = self.clock.to_core(self.now);
        Ok(self.core.start(now, unix_time(), &mut rng)?)
    }

    /// Disconnects everybody and lets nobody in. The clients are told at once.
    ///
    /// # Errors
    /// The link is broken.
    pub fn stop(&mut self) -> io::Result<()> {
        self.core.stop(self.clock.to_core(self.now));
        self.transmit()
    }

    /// Whether it lets clients in.
    pub fn is_running(&self) -> bool {
        self.core.is_running()
    }

    /// Begins a turn at `now`. The turn's payloads come from [`receive`](Self::receive), which also
    /// finds timeouts and sends what is due, after the last datagram was read: a program that was
    /// held up ends nobody's session whose packets have been waiting for it.
    ///
    /// # Errors
    /// The link is broken.
    pub fn update(&mut self, now: Instant) -> io::Result<()> {
        self.end_turn()?;
        self.now = now;
        self.owes_transmit = true;
        self.link.turn(now);
        self.core
            .set_unix_time(self.clock.to_core(now), unix_time());
        self.loopback.turn(&mut self.core, self.clock.to_core(now));
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

    /// The turn's next payload, in `buffer`; `None` when there is no more. Handshakes are answered
    /// on the way. No payload comes before the event that its client has connected was taken: until
    /// then there is none.
    ///
    /// # Errors
    /// The link is broken.
    pub fn receive<'b>(
        &mut self,
        buffer: &'b mut [u8; RECEIVE_BUFFER_BYTES],
    ) -> io::Result<Option<Message<'b>>> {
        let Some((client, sequence, range)) = self.next_payload(buffer)? else {
            self.end_turn()?;
            return Ok(None);
        };
        let payload = buffer.get(range).unwrap_or_default();
        Ok(Some(Message {
            client,
            sequence,
            payload,
        }))
    }

    /// The next payload of an announced client, and where in `buffer` it lies.
    fn next_payload(&mut self, buffer: &mut [u8]) -> io::Result<Option<Found>> {
        if let Some((client, sequence, len)) = self.loopback.receive(&mut self.core, buffer) {
            return Ok(Some((client, sequence, 0..len)));
        }
        if self.held.is_none()
            && let Some((client, sequence, range)) = self.receive_datagrams(buffer)?
        {
            if self.core.is_announced(client) {
                return Ok(Some((client, sequence, range)));
            }
            let payload = buffer.get(range).unwrap_or_default().to_vec();
            self.held = Some(Held {
                client,
                sequence,
                payload,
            });
        }
        Ok(self.take_held().map(|held| {
            let len = copy_out(&held.payload, buffer);
            (held.client, held.sequence, 0..len)
        }))
    }

    /// The payload that was held back, once its client's event was taken.
    fn take_held(&mut self) -> Option<Held> {
        let core = &self.core;
        self.held.take_if(|held| core.is_announced(held.client))
    }

    /// Takes in datagrams up to the next payload; says where in `buffer` that lies.
    fn receive_datagrams(&mut self, buffer: &mut [u8]) -> io::Result<Option<Found>> {
        let now = self.clock.to_core(self.now);
        while let Some((len, from)) = self.link.receive(buffer)? {
            let datagram = buffer.get_mut(..len).unwrap_or_default();
            let start = datagram.as_ptr().addr();
            match self.core.handle_datagram(now, from, datagram) {
                Ok(Received::Payload {
                    client,
                    sequence,
                    payload,
                }) => {
                    let at = payload.as_ptr().addr().saturating_sub(start);
                    return Ok(Some((
                        client,
                        sequence,
                        at..at.saturating_add(payload.len()),
                    )));
                }
                Ok(Received::Reply(reply)) => self.link.send(reply.to, reply.datagram)?,
                Ok(Received::Handled) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// Sends a payload to a client.
    ///
    /// # Errors
    /// [`TransferError::Send`] if the payload cannot go to this client; [`TransferError::Link`] if
    /// the link is broken. That the network lost it is no error.
    pub fn send(&mut self, client: ClientIndex, payload: &[u8]) -> Result<(), TransferError> {
        let now = self.clock.to_core(self.now);
        match self.core.send(now, client, payload, &mut *self.out) {
            Ok(outgoing) => {
                for transmit in outgoing {
                    self.link.send(transmit.to, transmit.datagram)?;
                }
                Ok(())
            }
            Err(SendError::Loopback) => Ok(self.loopback.send(&mut self.core, client, payload)?),
            Err(error) => Err(error.into()),
        }
    }

    /// The next change among the clients. Call until `None`, every turn: a slot whose last event
    /// was not taken stays empty.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        let event = self.core.poll_event()?;
        if let ServerEvent::Disconnected { client, .. } = event {
            self.loopback.leave(client);
            self.held.take_if(|held| held.client == client);
        }
        Some(event)
    }

    /// Blocks until a datagram may have come, something is due, or `limit` has passed. Then begin
    /// the next turn.
    ///
    /// # Errors
    /// The link is broken.
    pub fn wait(&mut self, limit: Duration) -> io::Result<()> {
        self.end_turn()?;
        if self.held.is_some() || self.loopback.has_payloads() {
            return Ok(());
        }
        let due = self
            .core
            .next_deadline()
            .and_then(|due| self.clock.to_system(due));
        let wait = due.map_or(limit, |due| {
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

    /// Joins a client in this process, without network or encryption: the player who hosts.
    ///
    /// # Errors
    /// See [`LoopbackError`].
    pub fn join_loopback(
        &mut self,
        client_id: ClientId,
        user_data: &UserData,
    ) -> Result<LocalClient, LoopbackError> {
        let now = self.clock.to_core(self.now);
        let client = self.core.connect_loopback(now, client_id, user_data)?;
        let max_clients = self.core.config().max_clients;
        Ok(self
            .loopback
            .join(client, u32::try_from(max_clients).unwrap_or(u32::MAX)))
    }

    /// Ends a client's session and tells it; false if nobody is connected there.
    ///
    /// # Errors
    /// The link is broken.
    pub fn disconnect(&mut self, client: ClientIndex) -> io::Result<bool> {
        let was_connected = self.core.disconnect(self.clock.to_core(self.now), client);
        self.transmit()?;
        Ok(was_connected)
    }

    /// Ends every session and tells the clients.
    ///
    /// # Errors
    /// The link is broken.
    pub fn disconnect_all(&mut self) -> io::Result<()> {
        self.core.disconnect_all(self.clock.to_core(self.now));
        self.transmit()
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

    /// The addresses it is bound to, with the ports the system chose.
    pub fn local_addresses(&self) -> Vec<SocketAddr> {
        self.link.local_addresses()
    }

    /// The addresses tokens name it by.
    pub fn public_addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.core.config().addresses.iter()
    }

    /// The link: its counters, or its sockets to wait for in an event loop of the caller's.
    pub fn link(&self) -> &L {
        &self.link
    }
}
