//! The board the firmware is for.

#[cfg(feature = "lm3s6965evb")]
mod lm3s6965evb;
#[cfg(any(feature = "mps2-an385", feature = "mps2-an386"))]
mod mps2;

#[cfg(feature = "lm3s6965evb")]
pub use lm3s6965evb::*;
#[cfg(any(feature = "mps2-an385", feature = "mps2-an386"))]
pub use mps2::*;
