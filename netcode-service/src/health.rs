//! Liveness and readiness of a program with one main loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Phase of a program's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Not serving yet.
    Starting,
    /// Serving newcomers.
    Serving,
    /// Unable to serve newcomers until something outside of it changes; the log says what.
    Unavailable,
    /// Refusing newcomers, until it ends.
    Draining,
}

/// State that the main loop reports and the endpoint shows. Clones share it; no call blocks.
#[derive(Clone, Debug)]
pub struct Health(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    created: Instant,
    stuck_after: Duration,
    /// Milliseconds from creation to the last turn.
    last_turn: AtomicU64,
    phase: AtomicU8,
}

/// Answer to a probe, for people; an error is answered with status 503.
pub(crate) type Answer = Result<&'static str, String>;

impl Health {
    /// State of a loop that is stuck if it does not [`turn`](Self::turn) for `stuck_after`. The
    /// phase is [`Phase::Starting`].
    pub fn new(stuck_after: Duration) -> Self {
        Self(Arc::new(Shared {
            created: Instant::now(),
            stuck_after,
            last_turn: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Starting as u8),
        }))
    }

    /// Reports a turn of the main loop.
    pub fn turn(&self) {
        let since = millis(self.0.created.elapsed());
        self.0.last_turn.store(since, Ordering::Relaxed);
    }

    /// Reports the phase.
    pub fn set_phase(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Answer to `/healthz`: the main loop turns.
    pub(crate) fn live(&self, now: Instant) -> Answer {
        let since = now.saturating_duration_since(self.0.created);
        let last = Duration::from_millis(self.0.last_turn.load(Ordering::Relaxed));
        let still = since.saturating_sub(last);
        if still <= self.0.stuck_after {
            return Ok("alive");
        }
        Err(format!(
            "stuck: the main loop has not turned for {} s",
            still.as_secs()
        ))
    }

    /// Answer to `/readyz`: the program serves newcomers.
    pub(crate) fn ready(&self, now: Instant) -> Answer {
        self.live(now)?;
        let phase = self.0.phase.load(Ordering::Relaxed);
        if phase == Phase::Serving as u8 {
            Ok("ready")
        } else if phase == Phase::Draining as u8 {
            Err("draining".to_owned())
        } else if phase == Phase::Unavailable as u8 {
            Err("unavailable: the log says why".to_owned())
        } else {
            Err("starting".to_owned())
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn a_loop_that_does_not_turn_is_stuck_and_not_ready() {
        let health = Health::new(LIMIT);
        health.set_phase(Phase::Serving);
        let now = Instant::now();
        assert!(health.live(now).is_ok() && health.ready(now).is_ok());
        let later = now + 2 * LIMIT;
        assert!(health.live(later).unwrap_err().contains("stuck"));
        assert!(health.ready(later).unwrap_err().contains("stuck"));
        let turned = health.clone();
        turned.turn();
        assert!(health.live(Instant::now()).is_ok());
    }

    #[test]
    fn only_a_serving_program_is_ready_but_every_turning_one_is_alive() {
        let health = Health::new(LIMIT);
        for (phase, ready) in [
            (Phase::Starting, Err("starting".to_owned())),
            (Phase::Serving, Ok("ready")),
            (
                Phase::Unavailable,
                Err("unavailable: the log says why".to_owned()),
            ),
            (Phase::Draining, Err("draining".to_owned())),
        ] {
            health.set_phase(phase);
            let now = Instant::now();
            assert_eq!((health.live(now), health.ready(now)), (Ok("alive"), ready));
        }
    }
}
