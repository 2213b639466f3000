//! netcode 1.02.
#![no_std]
#![forbid(unsafe_code)]
#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod address;
pub mod client;
pub mod crypto;
mod drop_reason;
mod identity;
pub mod packet;
mod replay;
pub mod server;
pub mod standard;
mod stats;
mod time;
pub mod token;
mod transmit;
mod wire;

pub use drop_reason::{DropCounts, Dropped};
pub use identity::*;
pub use stats::ConnectionStats;
pub use time::{Instant, MAX_STEP, UnixTime};
pub use transmit::{SendError, Transmit};
