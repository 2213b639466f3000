//! How much may pass in a second.

use std::time::Instant;

/// A bucket that fills by `per_second` each second and holds what two seconds bring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_second: u64,
    /// In millionths, so that every microsecond adds a whole number.
    level: u64,
    filled: Instant,
}

const MILLION: u64 = 1_000_000;

impl Rate {
    /// A full bucket.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = u64::from(per_second);
        Self {
            per_second,
            level: Self::room(per_second),
            filled: now,
        }
    }

    const fn room(per_second: u64) -> u64 {
        per_second * 2 * MILLION
    }

    /// Whether `amount` is in the bucket at `now`.
    pub(super) fn has(&mut self, now: Instant, amount: usize) -> bool {
        let micros = now.saturating_duration_since(self.filled).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        self.filled = self.filled.max(now);
        self.level = self
            .level
            .saturating_add(micros.saturating_mul(self.per_second))
            .min(Self::room(self.per_second));
        self.level >= in_millionths(amount)
    }

    /// Takes `amount` out.
    pub(super) fn take(&mut self, amount: usize) {
        self.level = self.level.saturating_sub(in_millionths(amount));
    }
}

fn in_millionths(amount: usize) -> u64 {
    u64::try_from(amount)
        .unwrap_or(u64::MAX)
        .saturating_mul(MILLION)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn take(rate: &mut Rate, now: Instant, amount: usize) -> bool {
        let has = rate.has(now, amount);
        if has {
            rate.take(amount);
        }
        has
    }

    #[test]
    fn two_seconds_worth_passes_at_once_and_then_the_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start);
        let passed = |rate: &mut Rate, now| (0..100).filter(|_| take(rate, now, 1)).count();
        assert_eq!(passed(&mut rate, start), 20);
        assert_eq!(passed(&mut rate, start + Duration::from_millis(500)), 5);
        assert_eq!(passed(&mut rate, start + Duration::from_secs(3600)), 20);
    }

    #[test]
    fn a_clock_that_jumps_back_brings_nothing() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut rate = Rate::new(1, start);
        assert!(take(&mut rate, start, 2));
        assert!(!take(&mut rate, start - Duration::from_secs(5), 1));
        assert!(!take(&mut rate, start, 1));
        assert!(take(&mut rate, start + Duration::from_secs(1), 1));
    }
}
