//! Deterministic simulation of netcode: whole worlds in virtual time, each from one seed.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a mistake of the simulator must stop it, and no network reaches it"
)]

mod attackers;
mod backend;
mod bridge;
mod clients;
mod clock;
mod coverage;
mod ground;
mod ledger;
mod model;
mod network;
mod plan;
mod run;
mod servers;
mod shrink;
mod trace;
mod wire;
mod world;

pub use run::{Options, run};

/// Invariant that a panic violates.
const PANIC: &str = "no panic";
