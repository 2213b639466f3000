//! Programs that use the crate, in processes of their own, as an operator runs them.
#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

mod endpoint;
mod log;
mod program;
#[cfg(unix)]
mod signals;
