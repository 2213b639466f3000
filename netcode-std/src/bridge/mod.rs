//! A bridge for browsers: WebTransport and WebRTC on one side, UDP on the other.
//!
//! A browser cannot send UDP. The bridge ends its WebTransport session, or its WebRTC data channel,
//! and carries each datagram, unopened, to a netcode server and back. It holds no netcode key:
//! encryption stays between browser and server, and any netcode 1.02 server works behind it. What
//! browser and bridge say to each other besides netcode is in [`netcode_core::bridge`].
//!
//! It is no open proxy. It forwards only to servers on its list, only after a connection request
//! whose token has not expired, from one socket of its own for each session, within
//! [limits](Limits).
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use netcode_std::bridge::{AllowList, Bridge, BridgeConfig, Certificate};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let allow = AllowList::new(["192.0.2.1:40000".parse()?, "10.1.0.0/16:40000-40099".parse()?]);
//! let certificate = Certificate::from_files("fullchain.pem", "privkey.pem");
//! let mut config = BridgeConfig::new(allow, certificate);
//! config.origins.push("https://game.example".to_owned());
//! let bridge = Bridge::start(config)?;
//! loop {
//!     if let Some(event) = bridge.wait_event(Duration::from_secs(1)) {
//!         println!("{event:?}");
//!     }
//! }
//! # }
//! ```
//!
//! # What it costs
//!
//! `cargo bench -p netcode-std --bench bridge` prints it. On two cores of a small virtual machine, with
//! native clients on the same two, echoes of 1000 bytes:
//!
//! | | WebTransport | WebRTC |
//! | --- | --- | --- |
//! | round trip, median, to direct UDP's 22 µs | 169 µs | 168 µs |
//! | round trip, one in a hundred is longer, to direct UDP's 50 µs | 246 µs | 277 µs |
//! | datagrams a second of one core | 97,000 to 129,000 | 27,000 to 33,000 |
//! | memory of a session | 46 KiB | 70 KiB |
//!
//! Both include the time of the native client. Of the bridge's own, over WebRTC, 42 % is system calls.
//!
//! # How it is built
//!
//! | file | what lives there |
//! | --- | --- |
//! | `handle` | a bridge that runs, and what its owner can do with it |
//! | `webtransport`, `webrtc` | the two ways in |
//! | `http` | offers for WebRTC, and the counters |
//! | `session` | one session's socket to its server |
//! | `relay`, `rate` | the rules of a session, without sockets or clock |
//! | `admission`, `allow` | who gets in, and to which servers |
//! | `certificate`, `config`, `context`, `counters`, `event`, `error` | what the name says |
//!
//! A session is a task of its own: what a hostile peer could break in a library is that peer's
//! session and no other.

mod admission;
mod allow;
mod certificate;
mod config;
mod context;
mod counters;
mod error;
mod event;
mod handle;
mod http;
mod rate;
mod relay;
mod session;
mod webrtc;
mod webtransport;

pub use self::allow::{AllowList, AllowRule, ParseRuleError};
pub use self::certificate::Certificate;
pub use self::config::{Backpressure, BridgeConfig, Limits, MIN_BUFFER_BYTES};
pub use self::counters::{BridgeStats, DropCause, FlowStats};
pub use self::error::BridgeError;
pub use self::event::{BridgeEvent, EndCause, SessionInfo, Transport};
pub use self::handle::{Bridge, BridgeAddresses};
pub use self::relay::{Downlink, Refused, Relay, Uplink};
