//! Behaviour of the smoltcp shell: clients and servers on interfaces that share a simulated wire, on
//! virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

mod examples;
mod frames;
mod late;
mod mtu;
mod neighbours;
mod sessions;
mod wire;
mod world;
