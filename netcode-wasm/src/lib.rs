//! netcode 1.02 client for browsers.
//!
//! A browser cannot send UDP. This client connects to a *bridge*, over WebTransport or over a WebRTC
//! data channel, and the bridge carries its datagrams, unopened, to a netcode server: the same
//! servers, connect tokens and end-to-end encryption as on desktops.
//!
//! This crate is for engines in Rust that are compiled to wasm. For JavaScript and TypeScript there
//! is an npm package of the same name, which `cargo xtask web-package` makes from it.
//!
//! ```no_run
//! use netcode_wasm::{Client, ConnectError, Event, Options, SendError};
//!
//! struct Game {
//!     client: Client,
//! }
//!
//! impl Game {
//!     /// Joins with the connect token that the backend gave this player over HTTPS, 2048 bytes.
//!     fn join(token: &[u8]) -> Result<Self, ConnectError> {
//!         let options = Options::new("https://bridge.example:4433");
//!         let client = Client::connect(token, &options)?;
//!         Ok(Self { client })
//!     }
//!
//!     /// Runs once a frame. `false` when the connection has ended.
//!     fn frame(&mut self, input: &[u8]) -> Result<bool, SendError> {
//!         while let Some(event) = self.client.next_event() {
//!             match event {
//!                 Event::StateChanged(state) => self.log(&format!("{state}")),
//!                 Event::Payload { payload, .. } => self.log(&format!("{} bytes", payload.len())),
//!                 Event::TransportFailed(failure) => self.log(&format!("{failure}")),
//!                 _ => {}
//!             }
//!         }
//!         // `false` until the client is connected, and after the end.
//!         let _sent = self.client.send(input)?;
//!         Ok(self.client.state().is_active())
//!     }
//!
//!     fn log(&self, text: &str) {
//!         // The engine's log.
//!         let _ = text;
//!     }
//! }
//! ```
//!
//! # Timers, hidden pages and pages that are left
//!
//! The client drives itself: by a timer, and by each datagram that arrives. Browsers slow a hidden
//! page's timers down to one a second or one a minute, but not what arrives, and a server sends ten
//! times a second: a hidden page stays connected. After a standstill, when the page computed for
//! long or was suspended, what arrived meanwhile is read before any timeout is judged.
//!
//! A page that is left disconnects, so that its server need not wait for the timeout. That includes
//! a page that the browser keeps in its back/forward cache, where nothing would answer the server.
//!
//! # Transports
//!
//! WebTransport is tried first. Where it is missing, or does not open within three seconds, WebRTC
//! is tried, and an [`Event::TransportFailed`] gives the reason. What a bridge refuses over one
//! transport is not tried over the other.
//!
//! The module has to go through `wasm-bindgen`, for its targets `web` or `bundler`, as Bevy's and
//! most others do: the crate contains JavaScript modules, which `no-modules` cannot load.
//!
//! # Engines that demand `Send`
//!
//! A [`Client`] is neither `Send` nor `Sync`: it contains objects of the browser, which belong to one
//! thread. Where a type has to be both, as components and resources of Bevy and other
//! entity-component systems, wrap it: `send_wrapper::SendWrapper<Client>` is both, and panics if
//! another thread uses it. The example `ecs` keeps a client in a world of `hecs`.
//!
//! # Sizes
//!
//! A payload is 1 to 1200 bytes, as everywhere. Over WebTransport a browser's datagrams are a
//! little shorter than netcode's longest, so a payload above [`Client::max_payload`] (1186 bytes
//! in Chromium) travels to the bridge in two fragments, and is lost if either is.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `javascript` | the class under the npm package; leave it off in an engine |

#![forbid(unsafe_code)]

mod client;
mod clock;
mod engine;
mod event_loop;
mod events;
mod failure;
#[cfg(feature = "javascript")]
pub mod javascript;
mod link;
mod names;
mod options;
mod stats;
mod transport;

pub use client::{Client, ConnectError};
pub use events::{Event, INBOX_PAYLOADS};
pub use failure::{FailureCause, TransportFailure, TransportKind};
pub use netcode_core as core;
pub use netcode_core::client::ClientState;
pub use netcode_core::{SendError, Sequence};
pub use options::Options;
pub use stats::LinkStats;

/// The examples of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
