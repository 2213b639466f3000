//! The tool against real implementations: ours, and three others.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop where they fail"
)]

mod faults;
mod harness;
mod implementations;
mod outcomes;
