//! Deterministic simulation of netcode: whole worlds in virtual time, each from one seed.
//!
//! A world has servers, clients and attackers on a network that loses, delays, repeats and changes
//! datagrams, and hosts whose clocks and processes misbehave. Beside every role of the core runs a
//! model that predicts the result of each datagram; invariants are checked after every step.
//! `cargo xtask sim` runs worlds; `cargo xtask sabotage` runs them against a core with one
//! deliberate fault at a time (`faults.toml`).
//!
//! | module | contents |
//! | --- | --- |
//! | `plan` | everything decided before a world begins, drawn from its seed |
//! | `world` | the loop in virtual time; troubles; the calm at the end |
//! | `network`, `clock`, `bridge` | what is between hosts, and their clocks |
//! | `backend` | connect tokens, good and defective |
//! | `servers`, `clients`, `attackers` | the actors |
//! | `model` | the standard's rules, without code of the core |
//! | `wire` | the wire format, without code of the core |
//! | `ledger` | provenance of each datagram, and the (key, nonce) pairs |
//! | `ground` | what actors share, and invariants that concern several |
//! | `coverage`, `trace`, `shrink`, `run` | reports |
//!
//! # Prior art
//!
//! The method is that of FoundationDB and TigerBeetle: all that is not deterministic is an input,
//! faults are drawn at random for each world, and a calm at the end shows that progress resumes.
//! `turmoil` and `madsim` bring it to programs on tokio by replacing its sockets, timers and
//! scheduler. The core has none of them: it takes time, randomness and datagrams as arguments, so a
//! loop over its deadlines is the whole scheduler, and a runtime would only put tasks and simulated
//! sockets between the model and the calls that it checks. `proptest` shrinks values; here a plan is
//! shrunk by taking actors and troubles away while each of the others keeps its own generator.
//!
//! # Limits
//!
//! Keys, nonces and sequences are those of the real cryptography, but plaintexts come from the
//! ledger: the model never decrypts. Loopback clients are not simulated.
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
