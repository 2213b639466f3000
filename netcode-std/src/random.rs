//! Randomness of the operating system.

use std::io;

use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};

/// Cryptographic generator, seeded by the operating system.
///
/// # Errors
/// The system provides no randomness. No key can be made then.
pub fn generator() -> io::Result<StdRng> {
    StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)
}
