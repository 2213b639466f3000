//! The `netcode` command, run as a user would run it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

mod command;
mod conform;
mod connects;
mod dashboard;
mod keys_and_tokens;
mod matchmaker;
#[path = "../../../netcode-bridge/tests/it/panels.rs"]
mod panels;
mod service;
#[cfg(unix)]
mod terminal;
