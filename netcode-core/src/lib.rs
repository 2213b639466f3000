//! Core of netcode 1.02: client, server and connect tokens without I/O.
//!
//! A web backend gives a client a short-lived *connect token*. With it the client opens an
//! encrypted, authenticated, replay-protected connection over UDP to a dedicated server with N
//! *client slots*. This crate implements both ends of that connection and the minting of tokens,
//! for any target: it contains no sockets, no clock, no random number generator, no allocator and
//! no `unsafe`. The caller passes in datagrams, time and randomness, and gets back datagrams to
//! send, events and a deadline.
//!
//! Programs with an operating system use `netcode-std`, which adds sockets and a clock. To write
//! another shell, follow the loop below: *mutate, then drain*.
//!
//! ```
//! use core::time::Duration;
//!
//! use netcode_core::address::AddressList;
//! use netcode_core::client::{self, Client};
//! use netcode_core::crypto::Key;
//! use netcode_core::server::{
//!     Event, MAX_SEND_BYTES, Received, RestartRule, Server, ServerConfig, StaticStorage,
//! };
//! use netcode_core::token::{TokenSpec, mint};
//! use netcode_core::{ClientId, Instant, ProtocolId, Timeout, UnixTime};
//! use rand::SeedableRng as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A program uses its system's generator; the seed makes this example deterministic.
//! let mut rng = rand::rngs::StdRng::seed_from_u64(1);
//! let key = Key::generate(&mut rng);
//! let protocol_id = ProtocolId(0x1122_3344);
//! let (server_address, client_address) = ("10.0.0.1:40000".parse()?, "10.0.0.2:50000".parse()?);
//!
//! // The backend mints a token for client 7, valid for 30 seconds.
//! let unix = UnixTime::from_secs(1_800_000_000);
//! let servers = [server_address];
//! let spec = TokenSpec::new(protocol_id, ClientId(7), &servers, unix)
//!     .with_lifetime(Duration::from_secs(30))
//!     .with_timeout(Timeout::from_secs(5));
//! let token = mint(&spec, &key, &mut rng)?;
//!
//! // A server with 4 slots, 8 half-open connections and a token history of 32 entries.
//! let mut storage = StaticStorage::<4, 8, 32>::new();
//! let addresses = AddressList::new(&servers)?;
//! // The private key is new, so no token is older than the server.
//! let config =
//!     ServerConfig::new(protocol_id, key, addresses, 4, RestartRule::AdmitAgain);
//! let mut server = Server::new(storage.tables(), config)?;
//! let mut now = Instant::from_micros(0);
//! server.start(now, unix, &mut rng)?;
//!
//! let mut client = Client::new();
//! client.connect(now, &token)?;
//!
//! // Two vectors stand in for the network. In practice client and server are two programs.
//! let mut buffer = [0; MAX_SEND_BYTES];
//! let mut greeted = false;
//! while !greeted {
//!     now = now.saturating_add(Duration::from_millis(100));
//!
//!     let mut to_server = Vec::new();
//!     while let Some(transmit) = client.poll_transmit(now, &mut buffer) {
//!         to_server.push(transmit.datagram.to_vec());
//!     }
//!     // Returns `None` until the client is connected.
//!     if let Some(transmit) = client.send(now, b"hello", &mut buffer)? {
//!         to_server.push(transmit.datagram.to_vec());
//!     }
//!
//!     let mut to_client = Vec::new();
//!     for mut datagram in to_server {
//!         match server.handle_datagram(now, client_address, &mut datagram) {
//!             // The payload is a range of the datagram, which was decrypted in place.
//!             Ok(Received::Event(Event::Payload { payload, .. })) => {
//!                 greeted = datagram.get(payload) == Some(b"hello");
//!             }
//!             Ok(Received::Event(event)) => println!("{event:?}"),
//!             // The reply is written over the request, which is always longer.
//!             Ok(Received::Reply(reply)) => to_client.push(reply.datagram.to_vec()),
//!             Ok(Received::Handled) => {}
//!             Err(dropped) => println!("dropped: {dropped}"),
//!         }
//!     }
//!     while let Some(transmit) = server.poll_transmit(now, &mut buffer) {
//!         to_client.push(transmit.datagram.to_vec());
//!     }
//!     while let Some(event) = server.poll_event() {
//!         println!("{event:?}");
//!     }
//!
//!     while let Some(event) = client.poll_event() {
//!         println!("{event:?}");
//!     }
//!     for mut datagram in to_client {
//!         match client.handle_datagram(now, server_address, &mut datagram) {
//!             // The payload is a range of the datagram.
//!             Ok(client::Received::Event(event)) => {
//!                 println!("{:?}", event.map_payload(|place| &datagram[place]));
//!             }
//!             Ok(client::Received::Handled) => {}
//!             Err(dropped) => println!("dropped: {dropped}"),
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The contract of a shell
//!
//! 1. Pass every datagram to `handle_datagram`. It never panics, and a rejected datagram costs no
//!    more than the check that rejects it. A [`Dropped`] is not an error: continue. Send a returned
//!    reply at once.
//! 2. Then call `poll_transmit` until it returns `None`, and send each datagram; then call
//!    `poll_event` until it returns `None`. The effect of a datagram is returned by the call that
//!    processes it; these two return the effects of time and of commands. If they are drained
//!    before the next datagram, events are reported in the order in which they occurred.
//! 3. Poll again when a datagram arrives, and no later than `next_deadline`.
//! 4. Addresses are compared as given. A dual-stack socket reports IPv4 peers by IPv4-mapped IPv6
//!    addresses: make them [canonical](core::net::IpAddr::to_canonical) first.
//! 5. `now` is in microseconds from any origin, the same for all calls. A jump of that clock
//!    disconnects no client: see [`MAX_STEP`].
//! 6. A server also needs the calendar time: call [`set_unix_time`](server::Server::set_unix_time)
//!    about once a second.
//!
//! # Modules
//!
//! | module | contents |
//! | --- | --- |
//! | [`client`], [`server`] | the two state machines, independent of each other |
//! | [`token`] | connect tokens and challenge tokens |
//! | [`packet`] | the seven packet types, for tools and tests |
//! | [`crypto`] | keys, and the trait for another implementation of the AEAD |
//! | [`address`] | lists of server addresses in the wire format of tokens |
//! | [`bridge`] | messages between browser clients and datagram bridges |
//! | [`standard`] | constants of the standard |
//!
//! # Features
//!
//! The protocol needs none of them.
//!
//! | feature | adds |
//! | --- | --- |
//! | `alloc` | [`Storage::heap`](server::Storage::heap): server capacity chosen at run time |
//! | `defmt` | `defmt::Format` for errors, events and states |
//! | `sealed` | [`sealed`]: tokens sealed to a device's X25519 key, for devices without TLS |
//! | `serde` | `Serialize` for ids, configuration and statistics; `Deserialize` for ids and rules |
//!
//! # serde
//!
//! Neither keys nor tokens have a form, nor does user data.
//!
//! - [`ClientId`], [`ProtocolId`] and [`Sequence`] are text in human-readable formats: JSON's readers
//!   lose digits above 2⁵³. Numbers are read as well. In binary formats they are numbers.
//! - [`ClientIndex`], [`Timeout`] (seconds) and [`UnixTime`] (seconds) are numbers, a list of
//!   addresses is a sequence.
//! - Enums are named in snake case; [`Dropped::name`], [`DisconnectReason::name`] and
//!   [`ClientState::name`] give the same names.
//! - A duration is a whole number whose field names the unit: `max_token_lifetime_secs`,
//!   `handshake_timeout_ms`, `handshake_round_trip_us`.
//! - [`DropCounts`] maps the names of the reasons that occurred to their counts.
//! - [`ServerConfig`] is written without its private key, for display, and not read: a program reads
//!   its fields, and passes them with the key to [`ServerConfig::new`].
//!
//! [`DisconnectReason::name`]: server::DisconnectReason::name
//! [`ClientState::name`]: client::ClientState::name
//! [`ServerConfig`]: server::ServerConfig
//! [`ServerConfig::new`]: server::ServerConfig::new
//!
//! # Panics
//!
//! No function of this crate panics, whatever the bytes, times and order of calls.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod address;
pub mod bridge;
pub mod client;
pub mod crypto;
mod drop_reason;
mod identity;
pub mod packet;
mod replay;
#[cfg(feature = "sealed")]
pub mod sealed;
#[cfg(feature = "serde")]
mod serialize;
pub mod server;
pub mod standard;
mod stats;
mod time;
pub mod token;
mod transmit;
mod wire;

pub use drop_reason::{DropCounts, Dropped};
pub use identity::*;
pub use stats::ConnectionStats;
pub use time::{Instant, MAX_STEP, UnixTime};
pub use transmit::{SendError, Transmit};

/// Examples of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
