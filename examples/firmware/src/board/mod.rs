//! The board the firmware is for.

#[cfg(feature = "lm3s6965evb")]
mod lm3s6965evb;
#[cfg(feature = "mps2-an385")]
mod mps2_an385;

#[cfg(feature = "lm3s6965evb")]
pub use lm3s6965evb::*;
#[cfg(feature = "mps2-an385")]
pub use mps2_an385::*;
