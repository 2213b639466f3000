//! Randomness of the operating system.

use std::io;

use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};

/// A cryptographic generator, seeded by the operating system.
///
/// # Errors
/// The system has no randomness to give. Nothing that needs a key should go on then.
pub fn generator() -> io::Result<StdRng> {
    StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)
}
