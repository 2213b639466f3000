//! Time of the next heartbeat.

use std::time::{Duration, Instant};

use super::report::Report;
use crate::matchmaker::Backoff;

/// Minimum time between two heartbeats because of clients that come and go.
const BETWEEN_CHANGES: Duration = Duration::from_millis(250);
/// Longest wait after a failure: a backend that is back knows its servers after it.
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest interval, whatever the backend says.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// Part of the time that the backend gives: a heartbeat may be late.
const PART_OF_INTERVAL: f64 = 0.8;

/// Rules for the time of the next heartbeat.
pub(super) struct Schedule {
    /// Time of the next one if nothing changes.
    regular: Instant,
    /// Earliest time of one because a client came or went.
    after_change: Instant,
    backoff: Backoff,
}

impl Schedule {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            regular: now,
            after_change: now,
            backoff: Backoff::up_to(LONGEST_BACKOFF),
        }
    }

    /// The last one was accepted.
    pub(super) fn accepted(&mut self, now: Instant, next_within: Duration) {
        self.backoff.reset();
        let interval = next_within.min(LONGEST_INTERVAL).mul_f64(PART_OF_INTERVAL);
        self.after_change = now + BETWEEN_CHANGES;
        self.regular = now + interval.max(BETWEEN_CHANGES);
    }

    /// The last one failed. `asked`: time for which the backend asked to wait.
    pub(super) fn failed(&mut self, now: Instant, asked: Option<Duration>) {
        self.regular = now + self.backoff.next(asked);
        self.after_change = self.regular;
    }

    /// Time to wait before `report` is sent, if `last` was the one before it.
    pub(super) fn wait(&self, now: Instant, last: Option<&Report>, report: &Report) -> Duration {
        let due = match last {
            None => self.regular,
            // The next player must not be sent here.
            Some(last) if last.stage != report.stage => now,
            Some(last) if last.clients != report.clients => self.after_change.min(self.regular),
            Some(_) => self.regular,
        };
        due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use netcode_std::ClientId;

    use super::super::report::Stage;
    use super::*;

    fn report(stage: Stage, clients: &[u64]) -> Report {
        Report {
            stage,
            clients: clients.iter().copied().map(ClientId).collect(),
        }
    }

    #[test]
    fn clients_that_come_and_go_are_reported_four_times_a_second_at_most() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        let last = report(Stage::Open, &[]);
        assert!(schedule.wait(now, None, &last).is_zero());
        schedule.accepted(now, Duration::from_secs(5));
        assert_eq!(schedule.wait(now, Some(&last), &last).as_secs(), 4);
        let came = report(Stage::Open, &[7]);
        assert_eq!(schedule.wait(now, Some(&last), &came), BETWEEN_CHANGES);
        let later = now + BETWEEN_CHANGES;
        assert!(schedule.wait(later, Some(&last), &came).is_zero());
    }

    #[test]
    fn a_drain_is_told_at_once_even_to_a_backend_that_failed() {
        let now = Instant::now();
        let mut schedule = Schedule::new(now);
        let last = report(Stage::Open, &[]);
        schedule.failed(now, Some(Duration::from_secs(60)));
        let came = report(Stage::Open, &[7]);
        assert!(schedule.wait(now, Some(&last), &came).as_secs() >= 60);
        let draining = report(Stage::Draining, &[7]);
        assert!(schedule.wait(now, Some(&last), &draining).is_zero());
        schedule.failed(now, None);
        assert!(!schedule.wait(now, Some(&draining), &draining).is_zero());
    }
}
