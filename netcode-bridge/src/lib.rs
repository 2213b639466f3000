//! A bridge for browsers: WebTransport and WebRTC on one side, UDP on the other.
//!
//! A browser cannot send UDP. The bridge terminates its WebTransport session, or its WebRTC data
//! channel, and forwards each datagram, unopened, to a netcode server and back. It holds no netcode
//! key: encryption is end to end between browser and server, and any netcode 1.02 server works
//! behind it. The messages between browser and bridge besides netcode are defined in
//! [`netcode_core::bridge`].
//!
//! It is not an open proxy. It forwards only to servers on its allow list, only after a connection
//! request whose token has not expired, from one socket for each session, within [limits](Limits).
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use netcode_bridge::{AllowList, Bridge, BridgeConfig, Certificate};
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
//! # Log, metrics, health
//!
//! The bridge logs through [`tracing`]: its addresses, sessions, refusals by reason and address,
//! certificates, names that do not resolve. The number of lines is bounded, whatever strangers send.
//! Give other crates no more than errors (`info,quinn=error,…`): a stranger's datagram can cause a
//! warning of theirs. [`Bridge::monitor`] has the metrics for Prometheus and the readiness.
//!
//! # Cost
//!
//! Measured by `cargo bench -p netcode-bridge` on two cores of a small virtual machine, with native
//! clients on the same two, echoes of 1000 bytes:
//!
//! | | WebTransport | WebRTC |
//! | --- | --- | --- |
//! | round trip, median (direct UDP: 22 µs) | 169 µs | 168 µs |
//! | round trip, 99th percentile (direct UDP: 50 µs) | 246 µs | 277 µs |
//! | datagrams a second of one core | 97,000 to 129,000 | 27,000 to 33,000 |
//! | memory of a session | 46 KiB | 70 KiB |
//!
//! Both include the time of the native client. Over WebRTC, 42 % of the bridge's own time is system
//! calls.
//!
//! # Resources of unauthenticated peers
//!
//! Each resource has a limit in total, a share of it for each address, and a time. An *address* is
//! one IPv4 address or one IPv6 /64 network. Figures are those of [`Limits::default`]. Tests are
//! those of `tests/it` unless they stand beside the code. Each refusal is counted under the name of
//! its [`Limit`].
//!
//! | resource | in total | per address | time | tests |
//! | --- | --- | --- | --- | --- |
//! | TCP connection, its descriptor, its TLS | [`connections`](Limits::connections), 512 | [`connections_per_address`](Limits::connections_per_address), 64 | [`request_timeout`](Limits::request_timeout), 10 s from accept to close; one request each | `connections_are_limited_in_total`, `an_address_has_its_share_of_connections_and_leaves_others_theirs`, `a_request_that_takes_too_long_is_closed_at_any_stage`, `a_silent_tls_handshake_is_closed`, `a_connection_carries_one_request_and_is_closed` |
//! | bytes of a request | 16 KiB of head and 16 KiB of body for each connection | the same | the same | `a_request_with_too_long_a_head_or_body_is_refused` |
//! | new connections a second, over TCP and over QUIC (processor time of their handshakes) | [`arrivals_per_second`](Limits::arrivals_per_second), 2,000 | [`arrivals_per_second_per_address`](Limits::arrivals_per_second_per_address), 200 | what two seconds bring, at once | `new_tcp_connections_over_the_rate_are_closed`, `new_quic_connections_over_the_rate_are_refused`, `an_address_over_its_rate_is_refused_at_no_cost_to_others` |
//! | handshake of QUIC and HTTP/3 | [`quic_handshakes`](Limits::quic_handshakes), 512 | [`quic_handshakes_per_address`](Limits::quic_handshakes_per_address), 32 | [`quic_handshake_timeout`](Limits::quic_handshake_timeout), 4 s | `handshakes_are_limited_in_total`, `silent_connections_of_one_address_keep_no_other_address_out`, `a_silent_connection_is_closed_in_time` |
//! | the same, from an address that has not shown that it receives (QUIC's Retry) | half of it | half of it | the same | `forged_addresses_take_half_of_a_share_at_most` |
//! | connection of a refused WebTransport session | a handshake's place | a handshake's place | 4 s for the answer, 3 s for the close code to arrive | `a_refused_session_leaves_nothing_behind` |
//! | offer for WebRTC without a data channel, its peer connection | [`offers`](Limits::offers), 512 | [`offers_per_address`](Limits::offers_per_address), 32 | [`offer_timeout`](Limits::offer_timeout), 8 s | `offers_are_limited_in_total_and_expire`, `an_address_has_its_share_of_offers_and_leaves_others_theirs`, `abandoned_offers_hold_no_session_s_place` |
//! | session: its place, its UDP socket | [`sessions`](Limits::sessions), 4,096 | [`sessions_per_address`](Limits::sessions_per_address), 64 | [`handshake_timeout`](Limits::handshake_timeout), 10 s; then [`idle_timeout`](Limits::idle_timeout), 30 s | `an_address_has_its_share_of_sessions_and_the_bridge_its_total`, `silence_ends_sessions_before_and_after_the_request` |
//! | descriptors of the process | sessions and connections and 128 | | seen to at the start ([`BridgeError::Descriptors`]) | `a_bridge_has_the_descriptors_that_its_limits_need_or_does_not_start` |
//! | datagrams and bytes a second (processor time, the server's bandwidth) | for each session, each way, [`datagrams_per_second`](Limits::datagrams_per_second) and [`bytes_per_second`](Limits::bytes_per_second) | by its sessions | what two seconds bring, at once | `a_flood_from_a_browser_is_cut_to_its_rate`, `a_flood_from_a_server_is_cut_to_its_rate` |
//! | bytes that wait for a browser | for each session, [`buffer_bytes`](Limits::buffer_bytes) | by its sessions | the session's | `a_slow_browser_misses_the_newest_or_the_oldest_messages_as_configured` |
//! | bytes in streams of a WebTransport session, which are never read | for each session, 16 KiB | by its sessions | the session's | `the_streams_of_a_session_hold_a_bounded_number_of_bytes` |
//! | data channels of a WebRTC session | for each session, [`MAX_DATA_CHANNELS`] | by its sessions | the session's | `the_data_channels_of_a_peer_are_limited` |
//! | addresses of a WebRTC peer | for each peer, [`MAX_PEER_ADDRESSES`] | by its offers and sessions | the peer's | `the_addresses_of_a_peer_are_limited` |
//! | bytes sent to an address that has not answered a check | as many as came from it, and never a stream | the same | until it answers | `a_victim_gets_no_handshake_and_no_more_bytes_than_were_forged`, `a_forged_nomination_redirects_no_stream_to_a_victim`, `an_address_gets_no_more_than_came_from_it_until_it_has_answered` |
//! | strings: a page's origin, and nothing else | for each session and each event that waits, [`MAX_ORIGIN_BYTES`] | by its sessions | the session's | `an_origin_that_no_page_has_is_refused_and_not_kept` |
//! | log lines | 20 a second about sessions; 32 every five seconds about refusals, and one for each reason | one for each reason | at once twice as many about sessions | `sessions_beyond_the_rate_share_one_line`, `a_flood_from_many_addresses_leaves_a_bounded_number_of_lines` |
//! | events not taken | 4,096 | | until they are taken; more are dropped | `unread_events_are_bounded_and_counted` |
//!
//! Messages in transit from a browser: 256 datagrams of 2 KiB over WebRTC, and incomplete messages
//! within the library's SCTP window of 1 MiB; over WebTransport `buffer_bytes`. These buffers
//! belong to one peer each.
//!
//! Limits per address count the address a TCP or QUIC connection comes from; a WebRTC session
//! counts for the address its datagrams come from. Behind a proxy that terminates TLS every offer
//! comes from the proxy: list it in [`trusted_proxies`](BridgeConfig::trusted_proxies), and the
//! address that it names counts. The proxy then has to limit connections per address itself.
//!
//! # Files
//!
//! | file | contents |
//! | --- | --- |
//! | `handle` | handle of a running bridge |
//! | `webtransport`, `webrtc` | the two transports |
//! | `http` | WebRTC offers |
//! | `session` | one session and its socket to the server |
//! | `traffic` | counters of one session |
//! | `relay` | the rules of a session, without sockets or clock |
//! | `admission`, `rate`, `limit` | limits on the resources and arrivals of unauthenticated peers |
//! | `allow` | the servers that may be reached |
//! | `descriptors` | the system's limit of descriptors |
//! | `log`, `monitor` | log lines; metrics and readiness |
//! | `certificate`, `config`, `context`, `counters`, `event`, `error` | as named |
//!
//! Each session is a task of its own: a panic that a hostile peer causes in a library ends that
//! peer's session and no other.

mod admission;
mod allow;
mod certificate;
mod config;
mod context;
mod counters;
mod descriptors;
mod error;
mod event;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handle;
mod http;
mod limit;
mod log;
mod monitor;
mod rate;
mod relay;
mod session;
mod traffic;
mod webrtc;
mod webtransport;

pub use self::allow::{AllowList, AllowRule, ParseRuleError};
pub use self::certificate::Certificate;
pub use self::config::{
    Backpressure, BridgeConfig, Limits, MAX_DATA_CHANNELS, MAX_ORIGIN_BYTES, MAX_PEER_ADDRESSES,
    MIN_BUFFER_BYTES,
};
pub use self::counters::{BridgeStats, DropCause, FlowStats};
pub use self::error::BridgeError;
pub use self::event::{BridgeEvent, EndCause, SessionInfo, Transport};
pub use self::handle::{Bridge, BridgeAddresses};
pub use self::http::{ParseNetworkError, ProxyHeader, ProxyNetwork};
pub use self::limit::Limit;
pub use self::monitor::{BridgeMonitor, NotReady};
pub use self::relay::{Downlink, Relay, Uplink, UplinkError};

/// Examples of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
