//! Time to wait before the next attempt, so that a backend which is back is not met by all at once.

use std::time::Duration;

use rand::TryRng as _;
use rand::rngs::SysRng;

/// First wait.
const FIRST: Duration = Duration::from_millis(500);
/// Longest wait that an answer can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Waits that double up to a limit. Each is shortened by a random part, half of it at most.
#[derive(Debug)]
pub(crate) struct Backoff {
    longest: Duration,
    next: Duration,
}

impl Backoff {
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self {
            longest,
            next: FIRST.min(longest),
        }
    }

    /// Wait before the next attempt: not less than the answer asked for.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let wait = self.next.mul_f64(0.5 + random_half());
        self.next = self.next.saturating_mul(2).min(self.longest);
        match asked {
            // Random on top: all that were refused together were told the same time.
            Some(asked) => asked.min(LONGEST_ASKED).saturating_add(wait.min(FIRST)),
            None => wait,
        }
    }

    /// Begins anew, after a success.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST.min(self.longest);
    }
}

/// Random number from 0 to 0.5.
fn random_half() -> f64 {
    let number = SysRng.try_next_u32().unwrap_or(u32::MAX / 2);
    f64::from(number) / f64::from(u32::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::up_to(Duration::from_secs(4));
        for seconds in [0.5, 1.0, 2.0, 4.0, 4.0] {
            let wait = backoff.next(None).as_secs_f64();
            assert!((seconds / 2.0..=seconds).contains(&wait), "{wait}");
        }
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }

    #[test]
    fn an_answer_that_asks_for_time_gets_it_within_reason() {
        let mut backoff = Backoff::up_to(Duration::from_secs(4));
        let asked = Duration::from_secs(7);
        let wait = backoff.next(Some(asked));
        assert!((asked..=asked + FIRST).contains(&wait), "{wait:?}");
        assert!(backoff.next(Some(Duration::MAX)) <= LONGEST_ASKED + FIRST);
    }
}
