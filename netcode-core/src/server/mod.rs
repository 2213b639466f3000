//! Dedicated server: client slots, half-open connections and token history, without I/O.
//!
//! A shell passes every datagram to [`Server::handle_datagram`], then drains
//! [`Server::poll_transmit`] and [`Server::poll_event`], and calls again when the next datagram
//! arrives or at [`Server::next_deadline`]: *mutate, then drain*.
//!
//! | module | contents |
//! | --- | --- |
//! | `receive` | processing of datagrams: sender and packet type |
//! | `request`, `response` | the two halves of the handshake |
//! | `admission`, `keys` | opening and closing to new clients; change of the private key |
//! | `send` | sending of payloads |
//! | `poll` | datagrams that are due, the next deadline, events |
//! | `clients` | queries of connected clients, and their disconnection |
//! | `loopback` | clients in the server's own process |
//! | `config`, `event`, `stats` | configuration, events, counters |
//! | `slots`, `half_open`, `history` | the three tables; `slot`: entry of the first; `storage` holds their memory |
//! | `table` | keyed table of `index`, `deadlines`, `column`; `hash`, `peer` make its keys |
//! | `session` | session parameters of a half-open connection and of a slot |
//! | `share`, `budget` | limits on entries and decryptions for senders without a session |

mod admission;
mod budget;
mod clients;
mod column;
mod config;
mod deadlines;
mod event;
mod half_open;
mod hash;
mod history;
mod index;
mod keys;
mod loopback;
mod peer;
mod poll;
mod receive;
mod request;
mod response;
mod send;
mod session;
mod share;
mod slot;
mod slots;
mod stats;
mod storage;
mod table;

use core::fmt;

use rand_core::CryptoRng;

pub use self::admission::Admission;
pub use self::clients::ClientInfo;
pub use self::config::{ConfigError, ReconnectRule, RestartRule, ServerConfig, StartError};
pub use self::event::{DisconnectReason, Event, Received};
pub use self::keys::PreviousKey;
pub use self::loopback::LoopbackError;
pub use self::send::{MAX_SEND_BYTES, Outgoing};
pub use self::share::SourceLimit;
pub use self::stats::ServerStats;
#[cfg(feature = "alloc")]
pub use self::storage::Capacity;
pub use self::storage::{StaticStorage, Storage};

use self::budget::Budget;
use self::half_open::HalfOpens;
use self::hash::HashKey;
use self::history::History;
use self::peer::Peer;
use self::slots::Slots;
use crate::crypto::{Crypto, Key, RustCrypto};
use crate::identity::{ClientId, Sequence};
use crate::time::{Calendar, Clock, Instant, UnixTime};

/// Bit 63: set in sequences of global packets, clear in those of sessions.
const GLOBAL: u64 = 1 << 63;

/// Bit 47: set in all sequences of a session whose token also names other servers.
const SHARED: u64 = 1 << 47;

/// A netcode server. `'s` is the lifetime of its tables; `C` is the crypto implementation.
///
/// Created stopped; [`start`](Self::start) opens it. Dropping it sends no disconnect packets, but
/// wipes the keys in its tables: call [`stop`](Self::stop) and drain it first.
pub struct Server<'s, C = RustCrypto> {
    crypto: C,
    config: ServerConfig,
    slots: Slots<'s>,
    half_open: HalfOpens<'s>,
    budget: Budget,
    history: History<'s>,
    stats: ServerStats,
    clock: Clock,
    calendar: Calendar,
    first_start: Option<UnixTime>,
    /// Shared by all tables, so that each key is hashed once.
    hash_key: HashKey,
    challenge_key: Key,
    challenge_sequence: u64,
    global_sequence: u64,
    sequence_key: HashKey,
    admission: Admission,
    running: bool,
}

impl<'s> Server<'s, RustCrypto> {
    /// Creates a stopped server with the default crypto.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn new(storage: Storage<'s>, config: ServerConfig) -> Result<Self, ConfigError> {
        Self::with_crypto(storage, config, RustCrypto)
    }
}

impl<'s, C: Crypto> Server<'s, C> {
    /// Creates a stopped server that uses `crypto`. The storage is cleared.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn with_crypto(
        storage: Storage<'s>,
        config: ServerConfig,
        crypto: C,
    ) -> Result<Self, ConfigError> {
        let slots = u32::try_from(storage.slots.entries.len()).unwrap_or(u32::MAX);
        if config.max_clients == 0 {
            return Err(ConfigError::NoClients);
        }
        if config.max_clients > slots {
            return Err(ConfigError::TooManyClients { slots });
        }
        if storage.half_open.entries.is_empty() || storage.tokens.entries.is_empty() {
            return Err(ConfigError::NoRoom);
        }
        if config.addresses.is_empty() {
            return Err(ConfigError::NoAddress);
        }
        if config.handshake_timeout.is_zero() {
            return Err(ConfigError::NoHandshakeTime);
        }
        if let RestartRule::RefuseOlder { max_token_lifetime } = config.restart_rule
            && max_token_lifetime.as_secs() == 0
        {
            return Err(ConfigError::NoTokenLifetime);
        }
        let mut server = Self {
            crypto,
            config,
            slots: Slots::new(storage.slots),
            half_open: storage.half_open,
            budget: Budget::NONE,
            history: storage.tokens,
            stats: ServerStats::default(),
            clock: Clock::new(),
            calendar: Calendar::UNKNOWN,
            first_start: None,
            hash_key: HashKey::NONE,
            challenge_key: Key::EMPTY,
            challenge_sequence: 0,
            global_sequence: 0,
            sequence_key: HashKey::NONE,
            admission: Admission::Open,
            running: false,
        };
        let current = &server.config.private_key;
        let previous = &mut server.config.previous_key;
        previous.take_if(|previous| previous.key == *current);
        // Storage in a `static` outlives its servers: entries of the last one must not look like
        // clients of this one. The hash key is drawn at the start; nothing is looked up before.
        server.slots.reset(0, HashKey::NONE);
        server.half_open.reset(0, HashKey::NONE);
        server.history.reset(0, HashKey::NONE);
        Ok(server)
    }

    /// Starts to accept clients. `unix` is the calendar time at `now`; update it from time to time
    /// with [`set_unix_time`](Self::set_unix_time).
    ///
    /// Draws the challenge key, the base of the global sequences and, at the first start, the key
    /// of the hash indexes from `rng`. A generator that repeats its output after a reset makes
    /// nonces repeat: on a device, seed it from hardware. The token history survives a stop; it is
    /// empty at the first start.
    ///
    /// # Errors
    /// See [`StartError`]. The server is then unchanged.
    pub fn start(
        &mut self,
        now: Instant,
        unix: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StartError> {
        if self.running {
            return Err(StartError::Running);
        }
        if !self.slots.all_free() {
            return Err(StartError::Draining);
        }
        if unix.as_secs() == 0 {
            return Err(StartError::NoDate);
        }
        let local = self.clock.advance(now);
        self.calendar.set(local, unix);
        if self.first_start.is_none() {
            self.first_start = Some(self.calendar.at(local));
            self.hash_key = HashKey(rng.next_u64(), rng.next_u64());
            self.history.reset(usize::MAX, self.hash_key);
        }
        self.slots
            .reset(self.config.max_clients as usize, self.hash_key);
        self.half_open.reset(usize::MAX, self.hash_key);
        self.budget = Budget::FULL;
        self.challenge_key = Key::generate(rng);
        self.challenge_sequence = 0;
        self.global_sequence = rng.next_u64();
        self.sequence_key = HashKey(rng.next_u64(), rng.next_u64());
        self.running = true;
        Ok(())
    }

    /// Disconnects every client and stops accepting new ones. Their disconnect packets and events
    /// still come from [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event).
    pub fn stop(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.leave_all(now, DisconnectReason::ServerStopped);
        self.half_open.reset(usize::MAX, self.hash_key);
        self.challenge_key = Key::EMPTY;
        self.running = false;
    }

    /// Returns `true` between [`start`](Self::start) and [`stop`](Self::stop).
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Sets the calendar time at `now`. The server advances it between calls, so once a minute
    /// suffices with an accurate clock.
    ///
    /// The server's calendar never runs backwards, so that no expired token becomes valid again: an
    /// earlier time does not set it back. After a date that was too late by mistake, valid tokens
    /// are rejected as expired; a new `Server` starts with a new calendar.
    pub fn set_unix_time(&mut self, now: Instant, unix: UnixTime) {
        let local = self.clock.advance(now);
        self.calendar.set(local, unix);
        self.expire_previous_key(self.calendar.at(local));
    }

    /// Configuration of the server.
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Counters of the server.
    pub fn stats(&self) -> &ServerStats {
        &self.stats
    }

    /// Number of half-open connections.
    pub fn half_open_count(&self) -> usize {
        self.half_open.used
    }

    /// Number of tokens in the history.
    pub fn token_count(&self) -> usize {
        self.history.used
    }

    /// First sequence of a session whose token also names other servers.
    ///
    /// In the standard every session begins at zero. A client that is accepted by one server, but
    /// does not receive its packets and moves on to the next server of its token, has two sessions
    /// under the same keys. First sequences drawn by each server keep their nonces apart. They cost
    /// five bytes per packet, so the session of a token for this server alone begins at zero.
    fn first_sequence(&self, peer: &Peer, client_id: ClientId) -> u64 {
        let HashKey(one, other) = self.sequence_key;
        let of_client = HashKey(one, other ^ client_id.0);
        SHARED | (peer.hash(of_client) & (SHARED - 1))
    }

    /// Next sequence for a packet outside any session (challenge, denied): the top half of the
    /// range, from a base drawn at start.
    fn next_global_sequence(&mut self) -> Sequence {
        self.global_sequence = self.global_sequence.wrapping_add(1);
        Sequence(self.global_sequence | GLOBAL)
    }
}

// Keys and table entries are not printed.
impl<C> fmt::Debug for Server<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("running", &self.running)
            .field("admission", &self.admission)
            .field("config", &self.config)
            .field("connected", &self.slots.connected_count)
            .field("half_open", &self.half_open.used)
            .field("tokens", &self.history.used)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::peer::Source;
    use super::session::Session;
    use super::slot::Slot;
    use super::*;
    use crate::address::AddressList;
    use crate::crypto::SessionKeys;
    use crate::identity::{ClientIndex, ProtocolId, Timeout, UserData};
    use crate::time::Local;

    const UNIX: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn config() -> ServerConfig {
        let addresses = AddressList::new(&["10.0.0.1:40000".parse().unwrap()]).unwrap();
        let key = Key::from_bytes([7; 32]);
        ServerConfig::new(ProtocolId(1), key, addresses, 1, RestartRule::AdmitAgain)
    }

    #[test]
    fn every_start_draws_the_keys_of_the_indexes_and_of_the_sequences() {
        let drawn = |seed| {
            let mut storage = StaticStorage::<1, 1, 1>::new();
            let mut server = Server::new(storage.tables(), config()).unwrap();
            let mut rng = StdRng::seed_from_u64(seed);
            server.start(Instant::ZERO, UNIX, &mut rng).unwrap();
            let peer = Peer::new(&"10.0.0.2:50000".parse().unwrap());
            [
                server.hash_key.hash(b"key"),
                server.first_sequence(&peer, ClientId(1)),
                server.global_sequence,
            ]
        };
        let (one, other) = (drawn(1), drawn(2));
        assert_eq!(one, drawn(1));
        for (one, other) in one.into_iter().zip(other) {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn sessions_of_shared_tokens_begin_apart_and_in_a_range_of_their_own() {
        let mut storage = StaticStorage::<1, 1, 1>::new();
        let mut server = Server::new(storage.tables(), config()).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        server.start(Instant::ZERO, UNIX, &mut rng).unwrap();
        let peer = Peer::new(&"10.0.0.2:50000".parse().unwrap());
        let mut drawn: std::vec::Vec<u64> = (0..256)
            .map(|id| server.first_sequence(&peer, ClientId(id)))
            .collect();
        assert!(drawn.iter().all(|first| (1 << 47..1 << 48).contains(first)));
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 256);
    }

    #[test]
    fn a_slot_keeps_no_key_after_its_disconnect_packets_and_nothing_after_its_events() {
        let mut storage = StaticStorage::<1, 1, 1>::new();
        let mut server = Server::new(storage.tables(), config()).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        server.start(Instant::ZERO, UNIX, &mut rng).unwrap();
        let source = Source::new("10.0.0.2:50000".parse().unwrap(), server.hash_key);
        let session = Session {
            keys: SessionKeys::generate(&mut rng),
            client_id: ClientId(1),
            timeout: Timeout::NEVER,
            peer: source.peer,
            ..Session::EMPTY
        };
        let slot = Slot::new(session, &[3; 256], 0, Local::ZERO);
        server.slots.join(slot, &source).unwrap();
        server.disconnect(Instant::ZERO, ClientIndex(0));
        let mut out = [0; MAX_SEND_BYTES];
        while server.poll_transmit(Instant::ZERO, &mut out).is_some() {}
        assert_eq!(
            server.slots.table.get_mut(0).unwrap().session.keys,
            SessionKeys::EMPTY
        );
        while server.poll_event().is_some() {}
        assert_eq!(
            server.slots.table.get_mut(0).unwrap().user_data,
            UserData::ZERO
        );
    }
}
