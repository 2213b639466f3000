//! The service from outside: over HTTP, with real state and real servers.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "a test program has no public interface"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking"
)]

mod accounts;
mod agones;
mod connects;
mod devices;
mod fleet;
mod jwt;
mod members;
mod operation;
mod placement;
mod redis_outage;
mod refusals;
mod rotation;
mod store;
mod world;
