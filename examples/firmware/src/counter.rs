//! A counter of 64 bits, for processors that load and store 32 at a time.
//!
//! It knows no hardware: the bench includes this file and tests it.

use core::sync::atomic::{AtomicU32, Ordering};

/// Counts up in an interrupt handler, and is read anywhere else on the same core.
pub struct Counter {
    high: AtomicU32,
    low: AtomicU32,
}

impl Counter {
    /// A counter that stands at `high` times 2 to the 32nd, plus `low`.
    pub const fn new(high: u32, low: u32) -> Self {
        Self {
            high: AtomicU32::new(high),
            low: AtomicU32::new(low),
        }
    }

    /// Adds one. Only one interrupt handler may call it, so loads and stores do on cores without
    /// more.
    pub fn increment(&self) {
        let low = self.low.load(Ordering::Relaxed).wrapping_add(1);
        self.low.store(low, Ordering::Relaxed);
        if low == 0 {
            let high = self.high.load(Ordering::Relaxed).wrapping_add(1);
            self.high.store(high, Ordering::Relaxed);
        }
    }

    /// The count.
    pub fn get(&self) -> u64 {
        read(
            || self.high.load(Ordering::Acquire),
            || self.low.load(Ordering::Acquire),
        )
    }

    /// The count's lower half, which wraps: for short differences alone.
    pub fn low(&self) -> u32 {
        self.low.load(Ordering::Relaxed)
    }
}

/// Puts the halves together; reads again if the lower one wrapped in between.
pub fn read(high: impl Fn() -> u32, low: impl Fn() -> u32) -> u64 {
    loop {
        let (before, low, after) = (high(), low(), high());
        if before == after {
            return u64::from(before) << 32 | u64::from(low);
        }
    }
}
