//! netcode 1.02 for desktops and servers: UDP sockets, a clock and randomness around
//! [`netcode_core`].
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use netcode_std::{
//!     AddressList, Client, ClientEvent, ClientId, Key, ProtocolId, RECEIVE_BUFFER_BYTES,
//!     RestartRule, Server, ServerConfig, ServerEvent, TokenSpec, generator, mint, unix_time,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The private key, known to the web backend and its servers alone.
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
//! // The backend: a token that lets client 7 into that server.
//! let addresses = server.local_addresses();
//! let spec = TokenSpec::new(protocol_id, ClientId(7), &addresses, unix_time())
//!     .with_lifetime(Duration::from_secs(30));
//! let token = mint(&spec, &key, &mut rng)?;
//!
//! // The client, and a loop for both: in production they are two programs.
//! let mut client = Client::new()?;
//! client.connect(&token)?;
//! let mut buffer = [0; RECEIVE_BUFFER_BYTES];
//! let mut answered = false;
//! while !answered {
//!     let now = Instant::now();
//!     server.update(now)?;
//!     while let Some(event) = server.next_event(&mut buffer)? {
//!         match event {
//!             ServerEvent::Connected { client_id, .. } => println!("{client_id} is here"),
//!             ServerEvent::Payload { client, payload, .. } => {
//!                 server.send(client, payload)?;
//!             }
//!             ServerEvent::Disconnected { client_id, reason, .. } => {
//!                 println!("{client_id} left: {reason}");
//!             }
//!             _ => {}
//!         }
//!     }
//!
//!     client.update(now)?;
//!     while let Some(event) = client.next_event(&mut buffer)? {
//!         if let ClientEvent::Payload { payload, .. } = event {
//!             assert_eq!(payload, b"hello");
//!             answered = true;
//!         }
//!     }
//!     if client.is_connected() {
//!         client.send(b"hello")?;
//!     }
//!     server.flush()?;
//!     client.wait(Duration::from_millis(1))?;
//! }
//! client.disconnect()?;
//! # Ok(())
//! # }
//! ```
//!
//! # A turn
//!
//! 1. `update` with the time.
//! 2. `next_event` until it gives `None`: events in the order in which they became true. A payload
//!    lies in the buffer that was lent and borrows nothing else.
//! 3. Whatever the program sends.
//! 4. `wait`; or, in an event loop of the program's own, `flush`, the readiness of
//!    [`UdpLink::sockets`] and `next_deadline`.
//!
//! Nothing blocks but `wait`. An [`io::Error`](std::io::Error) means that the socket is gone:
//! nothing that a peer or the network does is an error, and sending to a client that has left is
//! `Ok(false)`.
//!
//! A [`Server`] that is bound to all interfaces must be told in [`ServerConfig::addresses`] by which
//! addresses tokens name it. To try a program on a bad network, put a [`Simulator`] around a
//! [`UdpLink`] and pass it to [`Server::with_link`] or [`Client::with_link`].
//!
//! # Features
//!
//! | feature | default | effect |
//! | --- | --- | --- |
//! | `native-crypto` | yes | seals and opens with AWS-LC instead of pure Rust |
//! | `sealed` | no | the core's sealed tokens, for devices without TLS |
//! | `tracing` | no | log lines, see below |
//!
//! # Log lines
//!
//! With the feature `tracing`, servers and clients write to the program's [`tracing`] subscriber,
//! under the targets `netcode_std::server` and `netcode_std::client`:
//!
//! | level | lines | fields |
//! | --- | --- | --- |
//! | info | a server starts or stops | `bound`, `max_clients`, `protocol_id`; `connects` |
//! | info | a client connects to the server, or leaves | `client`, `client_id`, `address`; `reason` |
//! | info | a client connects, or its session or attempt ends | `client`, `server`, `state` |
//! | warn | refused: something that the server's operator or the backend can mend | `reason`, `count`, `host` |
//! | info | refused: a client does not get in | the same |
//! | debug | refused: strangers' datagrams, effects of loss and reordering | the same |
//! | debug | other states of a client | `server`, `state` |
//!
//! Payloads leave no line. Refusals are counted by reason and host (an IPv4 address, or an IPv6
//! network of 64 bits) for five seconds of the time given to `update`, then written as one line for
//! each pair:
//!
//! ```text
//! WARN netcode_std::server: refused: 20 requests from 127.0.0.1: token does not open (wrong key?) reason="token_unauthentic" count=20 host=127.0.0.1
//! ```
//!
//! Whatever arrives, five seconds have at most 32 lines for hosts and one for each reason about all
//! others, which has no `host`; of those at debug, as many again.
//! Values of `reason` and `state` are the names that [`Dropped::name`](core::Dropped::name),
//! [`DisconnectReason::name`] and [`ClientState::name`] give, and `denied` for requests to a full
//! server. Ids are text, since JSON readers lose digits of large numbers.
//!
//! [`tracing`]: https://docs.rs/tracing

#![forbid(unsafe_code)]

mod client;
mod clock;
#[cfg(feature = "native-crypto")]
mod crypto;
mod error;
mod key_file;
mod link;
mod log;
mod loopback;
mod random;
mod server;
mod simulator;
mod socket;

pub use netcode_core as core;
pub use netcode_core::address::AddressList;
pub use netcode_core::client::{ClientState, ConnectError, Event as ClientEvent};
pub use netcode_core::crypto::{Crypto, Key};
pub use netcode_core::server::{
    Admission, DisconnectReason, Event as ServerEvent, PreviousKey, ReconnectRule, RestartRule,
    ServerConfig, SourceLimit,
};
pub use netcode_core::token::{ConnectToken, TokenSpec, mint};
pub use netcode_core::{ClientId, ClientIndex, ProtocolId, Sequence, Timeout, UnixTime, UserData};

pub use self::client::Client;
pub use self::clock::unix_time;
#[cfg(feature = "native-crypto")]
pub use self::crypto::NativeCrypto;
pub use self::error::{BindError, SendError};
pub use self::key_file::{KeyFile, KeyFileError};
pub use self::link::Link;
pub use self::loopback::LocalClient;
pub use self::random::generator;
pub use self::server::Server;
pub use self::simulator::{Conditions, Simulator, SimulatorStats};
pub use self::socket::{DATAGRAMS_PER_TURN, SocketOptions, SocketStats, UdpLink};

/// Size of the buffer for [`Server::next_event`] and [`Client::next_event`], bytes: longer than any
/// netcode datagram, so that one that is too long is recognised.
pub const RECEIVE_BUFFER_BYTES: usize = 1500;

#[cfg(feature = "native-crypto")]
pub(crate) type DefaultCrypto = NativeCrypto;
#[cfg(not(feature = "native-crypto"))]
pub(crate) type DefaultCrypto = netcode_core::crypto::RustCrypto;

/// Examples of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Examples of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ProjectReadme;
