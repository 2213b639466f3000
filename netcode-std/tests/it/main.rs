//! The std shell over real sockets, and live sessions with the other implementations.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop where they fail"
)]

mod bad_network;
mod events;
mod examples;
#[cfg(feature = "tracing")]
mod log;
mod pair;
#[macro_use]
mod peers;
mod peer_netcode_rs;
mod peer_official;
mod peer_renetcode;
mod sockets;
mod turns;
