//! netcode 1.02 in a browser.
//!
//! A browser cannot send UDP. This client talks to a *bridge*, over WebTransport or over a WebRTC
//! data channel, and the bridge carries its datagrams, unopened, to a netcode server: any server
//! that desktops use, with the same connect tokens and the same end-to-end encryption.
//!
//! This crate is for engines in Rust that are compiled to wasm. For JavaScript and TypeScript
//! there is an npm package of the same name, made from it by `cargo xtask web-package`.
//!
//! ```no_run
//! use netcode_wasm::{Client, ConnectError, Event, Options};
//!
//! struct Game {
//!     client: Client,
//! }
//!
//! impl Game {
//!     /// `token` is what the backend gave this player, 2048 bytes, over HTTPS.
//!     fn join(token: &[u8]) -> Result<Self, ConnectError> {
//!         let options = Options::new("https://bridge.example:4433");
//!         let client = Client::connect(token, &options)?;
//!         Ok(Self { client })
//!     }
//!
//!     /// Once a frame. `false` when the game is over.
//!     fn frame(&mut self, input: &[u8]) -> bool {
//!         while let Some(event) = self.client.poll_event() {
//!             match event {
//!                 Event::StateChanged(state) => self.show(&format!("{state}")),
//!                 Event::TransportFailed(failure) => self.show(&format!("{failure}")),
//!                 _ => {}
//!             }
//!         }
//!         while let Some(payload) = self.client.receive() {
//!             self.show(&format!("{} bytes", payload.bytes.len()));
//!         }
//!         // Anything else than a payload of the wrong length means: not now.
//!         let _ = self.client.send(input);
//!         self.client.state().code() > 0
//!     }
//!
//!     fn show(&self, text: &str) {
//!         // The engine's way to print.
//!         let _ = text;
//!     }
//! }
//! ```
//!
//! # What happens when
//!
//! The client drives itself: by a timer, and by each datagram that arrives. A hidden page's timers
//! are slowed down to one a second or one a minute; what arrives is not, and a server sends ten
//! times a second, so a hidden page stays connected. After a standstill, when the page computed for
//! long or was suspended, what arrived meanwhile is read before any timeout is judged.
//!
//! A page that is left disconnects, so that its server need not wait for the timeout; also one that
//! the browser keeps for the way back, since nobody would answer for it.
//!
//! WebTransport is tried first. Where it is missing, or does not open within three seconds, WebRTC
//! is tried, and an [`Event::TransportFailed`] tells why. What a bridge refuses by one way it is
//! not asked for by the other.
//!
//! The module has to go through `wasm-bindgen`, for its targets `web` or `bundler`, as Bevy's and
//! most others do: some JavaScript of ours comes along, as modules that `no-modules` cannot load.
//!
//! # Sizes
//!
//! A payload is 1 to 1200 bytes, as everywhere. Over WebTransport a browser's datagrams are a
//! little shorter than netcode's longest, so a payload above [`Client::max_payload`] (1186 bytes
//! in Chromium) travels to the bridge in two pieces, and is lost if either is.
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
mod failure;
mod inbox;
#[cfg(feature = "javascript")]
pub mod javascript;
mod link;
mod options;
mod transport;

pub use client::{Client, ConnectError, Event, LinkStats};
pub use failure::{FailureCause, TransportFailure, TransportKind};
pub use inbox::{INBOX_PAYLOADS, Payload};
pub use netcode_core as core;
pub use options::Options;
