//! netcode 1.02, the protocol alone: bytes in, bytes out, events out, a deadline.
//!
//! A web backend gives a client a short-lived *connect token*. With it the client opens an
//! encrypted, authenticated, replay-protected connection over UDP to a dedicated server with N
//! *client slots*. This crate is both ends of that connection and the backend's part, for any
//! machine: it has no sockets, no clock, no randomness, no allocator and no `unsafe` of its own.
//! What it needs is handed in.
//!
//! On desktops use `netcode-std`, which adds the sockets. To write a shell of your own, follow
//! the loop below: *mutate, then drain*.
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
//! // A program takes its system's generator here; a seed makes the example repeat itself.
//! let mut rng = rand::rngs::StdRng::seed_from_u64(1);
//! let key = Key::generate(&mut rng);
//! let protocol_id = ProtocolId(0x1122_3344);
//! let (server_address, client_address) = ("10.0.0.1:40000".parse()?, "10.0.0.2:50000".parse()?);
//!
//! // The backend lets client 7 in for 30 seconds.
//! let unix = UnixTime::from_secs(1_800_000_000);
//! let servers = [server_address];
//! let spec = TokenSpec::new(protocol_id, ClientId(7), &servers, unix)
//!     .with_lifetime(Duration::from_secs(30))
//!     .with_timeout(Timeout::from_secs(5));
//! let token = mint(&spec, &key, &mut rng)?;
//!
//! // A server with 4 slots, room for 8 handshakes and for 32 tokens in use.
//! let mut storage = StaticStorage::<4, 8, 32>::new();
//! let addresses = AddressList::new(&servers)?;
//! // It starts with the program, so no token can be from before its start.
//! let config =
//!     ServerConfig::new(protocol_id, key, addresses, 4, RestartRule::AdmitAgain);
//! let mut server = Server::new(storage.tables(), config)?;
//! let mut now = Instant::from_micros(0);
//! server.start(now, unix, &mut rng)?;
//!
//! let mut client = Client::new();
//! client.connect(now, &token)?;
//!
//! // The "network" is two variables. In life each half of this loop is a program of its own.
//! let mut buffer = [0; MAX_SEND_BYTES];
//! let mut greeted = false;
//! while !greeted {
//!     now = now.saturating_add(Duration::from_millis(100));
//!
//!     let mut to_server = Vec::new();
//!     while let Some(transmit) = client.poll_transmit(now, &mut buffer) {
//!         to_server.push(transmit.datagram.to_vec());
//!     }
//!     // Nothing is sent until the client is connected.
//!     if let Some(transmit) = client.send(now, b"hello", &mut buffer)? {
//!         to_server.push(transmit.datagram.to_vec());
//!     }
//!
//!     let mut to_client = Vec::new();
//!     for mut datagram in to_server {
//!         match server.handle_datagram(now, client_address, &mut datagram) {
//!             // It was opened in place: the payload is a part of the datagram.
//!             Ok(Received::Event(Event::Payload { payload, .. })) => {
//!                 greeted = datagram.get(payload) == Some(b"hello");
//!             }
//!             Ok(Received::Event(event)) => println!("{event:?}"),
//!             // The answer was written over the request, which is always longer.
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
//!             // The event names the payload's place in the datagram.
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
//! 1. Hand every datagram to `handle_datagram`. It never panics and costs no more than the check
//!    that drops it. A [`Dropped`] is no error: go on. A reply, if there is one, is sent at once.
//! 2. Then call `poll_transmit` until `None`, and send what it gives; then `poll_event` until
//!    `None`. What a datagram causes is returned by the call that took it; these two give what time
//!    and commands cause. Drained before the next datagram, they keep events in the order in which
//!    they became true.
//! 3. Come back when a datagram arrives, and no later than `next_deadline`.
//! 4. Addresses are compared as they are. A socket that serves IPv6 and IPv4 at once gives IPv4
//!    addresses as mapped ones: make them [canonical](core::net::IpAddr::to_canonical) first.
//! 5. `now` is microseconds from any origin, the same for all calls. If it jumps, nobody is
//!    disconnected for it: see [`MAX_STEP`].
//! 6. A server needs to know the date as well: [`set_unix_time`](server::Server::set_unix_time)
//!    every second or so.
//!
//! # What is where
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`client`], [`server`] | the two state machines; they know nothing of each other |
//! | [`token`] | connect tokens and challenge tokens |
//! | [`packet`] | the seven packet types, for tools and tests |
//! | [`crypto`] | keys, and the trait to bring one's own AEAD |
//! | [`address`] | lists of addresses as tokens hold them |
//! | [`bridge`] | what browsers and datagram bridges agree on besides |
//! | [`standard`] | every number of the standard |
//!
//! # Features
//!
//! None is needed for the protocol.
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `alloc` | [`Storage::heap`](server::Storage::heap): a server's capacity chosen at run time |
//! | `defmt` | `defmt::Format` for errors, events and states |
//! | `sealed` | [`sealed`]: tokens sealed to a device's X25519 key, for devices without TLS |
//!
//! # Panics
//!
//! Nothing in this crate panics, whatever bytes, times and orders of calls it meets.
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
