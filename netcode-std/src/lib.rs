//! netcode 1.02 for desktops and servers: UDP sockets, a clock and randomness around
//! [`netcode_core`].
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use netcode_std::core::address::AddressList;
//! use netcode_std::core::crypto::Key;
//! use netcode_std::core::server::{RestartRule, ServerConfig};
//! use netcode_std::core::token::{TokenSpec, mint};
//! use netcode_std::core::{ClientId, ProtocolId, Timeout, UserData};
//! use netcode_std::{Client, RECEIVE_BUFFER_BYTES, Server, generator, unix_time};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The key that the web backend and its servers share, and nobody else.
//! let mut rng = generator()?;
//! let key = Key::generate(&mut rng);
//! let protocol_id = ProtocolId(0x6d79_6761_6d65_0001);
//!
//! // A dedicated server with 16 slots, on a port of the system's choice.
//! // The key is as new as the server, so no token can be from before its start.
//! let rule = RestartRule::AdmitAgain;
//! let config = ServerConfig::new(protocol_id, key.clone(), AddressList::EMPTY, 16, rule);
//! let mut server = Server::bind(&["127.0.0.1:0".parse()?], config)?;
//!
//! // The backend: a token that lets client 7 into that server within 30 seconds.
//! let now = unix_time();
//! let spec = TokenSpec {
//!     protocol_id,
//!     client_id: ClientId(7),
//!     created: now,
//!     expires: now.saturating_add_secs(30),
//!     timeout: Timeout::from_secs(5),
//!     public_addresses: &server.local_addresses(),
//!     internal_addresses: &[],
//!     user_data: &UserData::ZERO,
//! };
//! let mut token = [0; 2048];
//! mint(&spec, &key, &mut rng, &mut token)?;
//!
//! // The client, and a loop for both: in life they are two programs.
//! let mut client = Client::new()?;
//! client.connect(&token)?;
//! let mut buffer = [0; RECEIVE_BUFFER_BYTES];
//! let mut answered = false;
//! while !answered {
//!     let now = Instant::now();
//!     server.update(now)?;
//!     while let Some(message) = server.receive(&mut buffer)? {
//!         server.send(message.client, message.payload)?;
//!     }
//!     while let Some(event) = server.poll_event() {
//!         println!("{event:?}");
//!     }
//!
//!     client.update(now)?;
//!     while let Some(payload) = client.receive(&mut buffer)? {
//!         assert_eq!(payload.bytes, b"hello");
//!         answered = true;
//!     }
//!     if client.is_connected() {
//!         client.send(b"hello")?;
//!     }
//!     client.wait(Duration::from_millis(1))?;
//! }
//! client.disconnect()?;
//! # Ok(())
//! # }
//! ```
//!
//! A turn is three steps: `update` with the time, then `receive` and `poll_event` until they give
//! nothing, then whatever the program sends. After it comes `wait`, or, in an event loop of the
//! program's own, the readiness of [`UdpLink::sockets`] and `next_deadline`. A payload borrows the
//! buffer it came in until the next `receive`. Nothing here blocks but `wait`, and nothing fails
//! for what the network did: an [`io::Error`](std::io::Error) means that the socket is gone.
//!
//! A [`Server`] bound to all interfaces must be told in
//! [`ServerConfig::addresses`](core::server::ServerConfig::addresses) by which addresses tokens
//! name it. To try a program on a bad network, put a [`Simulator`] around a [`UdpLink`] and give it
//! to [`Server::with_link`] or [`Client::with_link`].
//!
//! | feature | default | what it does |
//! | --- | --- | --- |
//! | `native-crypto` | yes | seals and opens with AWS-LC instead of pure Rust |
//! | `sealed` | no | the core's sealed tokens |

#![forbid(unsafe_code)]

mod client;
mod clock;
#[cfg(feature = "native-crypto")]
mod crypto;
mod error;
mod link;
mod loopback;
mod random;
mod server;
mod simulator;
mod socket;

pub use netcode_core as core;

pub use self::client::{Client, Payload};
pub use self::clock::unix_time;
#[cfg(feature = "native-crypto")]
pub use self::crypto::NativeCrypto;
pub use self::error::{BindError, TransferError};
pub use self::link::Link;
pub use self::loopback::LocalClient;
pub use self::random::generator;
pub use self::server::{Message, Server};
pub use self::simulator::{Conditions, Simulator, SimulatorStats};
pub use self::socket::{DATAGRAMS_PER_TURN, SocketOptions, SocketStats, UdpLink};

/// A buffer for [`Server::receive`] and [`Client::receive`]: longer than any netcode datagram, so
/// that one that is too long is seen to be.
pub const RECEIVE_BUFFER_BYTES: usize = 1500;

#[cfg(feature = "native-crypto")]
pub(crate) type DefaultCrypto = NativeCrypto;
#[cfg(not(feature = "native-crypto"))]
pub(crate) type DefaultCrypto = netcode_core::crypto::RustCrypto;

/// The examples of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
