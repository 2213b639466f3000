//! The bridge on loopback: browsers' transports spoken by native clients, servers over UDP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

mod certificates;
mod dashboard;
mod examples;
mod handshakes;
mod http;
mod limits;
#[allow(dead_code, reason = "each test program uses its own part")]
#[path = "../../../netcode-std/tests/it/pair.rs"]
mod pair;
mod panels;
mod paths;
#[cfg(unix)]
mod program;
mod refusals;
mod sessions;
mod world;
