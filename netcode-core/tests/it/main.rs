//! Behaviour of the core: state machines on virtual time and a hostile network, rules of security,
//! and the wire format.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests stop where they fail"
)]

mod admission;
mod challenges;
mod client_drop_reasons;
mod client_events;
mod client_servers;
mod client_states;
mod clocks;
mod crafted;
#[cfg(feature = "alloc")]
mod crowds;
mod departures;
#[cfg(feature = "sealed")]
mod devices;
mod drop_reasons;
mod examples;
mod floods;
mod half_open;
mod handshake;
mod key_rotation;
mod loopback;
mod network;
mod no_panic;
mod nonce_collector;
mod nonces;
mod processing_order;
mod reconnect;
#[cfg(feature = "sealed")]
mod sealed;
mod security;
mod server_clients;
mod server_lifecycle;
mod statistics;
mod token_use;
mod vectors;
