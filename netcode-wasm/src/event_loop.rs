//! Detection of an event loop that stood still.
//!
//! Datagrams that arrive while a page is suspended, or computes for long, are delivered afterwards;
//! timers that became due meanwhile may fire first. Silence counts only once all datagrams that had
//! arrived were read.

use std::time::Duration;

use netcode_core::Instant;

/// Longest gap between two turns of a loop that is not delayed. An active client has a turn every
/// 100 milliseconds, if only its timer's.
const GAP: Duration = Duration::from_millis(200);

/// Time for a loop to deliver what arrived while it stood still.
const DELIVERY: Duration = Duration::from_millis(50);

/// Turns that the browser's event loop gave to a client.
#[derive(Debug)]
pub(crate) struct EventLoop {
    last_turn: Instant,
    /// End of the time in which it delivers what arrived while it stood still.
    delivering_until: Option<Instant>,
}

impl EventLoop {
    /// A loop that is not delayed.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            last_turn: now,
            delivering_until: None,
        }
    }

    /// Records a delivery. After a standstill the loop runs again, but more may wait.
    pub(crate) fn delivered(&mut self, now: Instant) {
        if self.delivering_until.is_none() {
            if self.is_current(now) {
                self.last_turn = now;
            } else {
                self.delivering_until = Some(now.saturating_add(DELIVERY));
            }
        }
    }

    /// Records an authentic datagram of the server: no timeout can be wrong now.
    pub(crate) fn heard(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Records that the timer went off.
    pub(crate) fn woken(&mut self, now: Instant) {
        match self.delivering_until {
            Some(until) if until <= now => *self = Self::new(now),
            _ => self.delivered(now),
        }
    }

    /// `true` if everything that has arrived was delivered.
    pub(crate) fn is_current(&self, now: Instant) -> bool {
        self.delivering_until.is_none() && now.saturating_since(self.last_turn) <= GAP
    }

    /// Time at which the timer must go off for a delayed loop to become current.
    pub(crate) fn next_turn(&self, now: Instant) -> Instant {
        self.delivering_until.unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_loop_with_regular_turns_is_current() {
        let mut turns = EventLoop::new(at(0));
        for now in (0..1_000).step_by(100).map(at) {
            turns.woken(now);
            assert!(turns.is_current(now));
        }
        turns.delivered(at(1_000));
        assert!(turns.is_current(at(1_200)));
        assert!(!turns.is_current(at(1_201)));
    }

    #[test]
    fn after_a_standstill_the_timer_goes_off_twice_before_the_loop_is_current() {
        let mut turns = EventLoop::new(at(0));
        assert_eq!(turns.next_turn(at(3_000)), at(3_000));
        turns.woken(at(3_000));
        assert!(!turns.is_current(at(3_000)));
        assert_eq!(turns.next_turn(at(3_000)), at(3_050));
        turns.woken(at(3_049));
        assert!(!turns.is_current(at(3_049)));
        turns.woken(at(3_050));
        assert!(turns.is_current(at(3_050)));
    }

    #[test]
    fn a_delivery_after_a_standstill_does_not_prove_an_empty_queue() {
        let mut turns = EventLoop::new(at(0));
        turns.delivered(at(3_000));
        turns.delivered(at(3_060));
        assert!(!turns.is_current(at(3_060)));
        turns.woken(at(3_060));
        assert!(turns.is_current(at(3_060)));
    }

    #[test]
    fn a_datagram_from_the_server_ends_the_wait() {
        let mut turns = EventLoop::new(at(0));
        turns.delivered(at(3_000));
        turns.heard(at(3_001));
        assert!(turns.is_current(at(3_001)));
    }

    #[test]
    fn a_loop_that_is_always_late_is_current_every_other_turn() {
        let mut turns = EventLoop::new(at(0));
        let current = (1_u64..=4).map(|turn| {
            let now = at(turn * 1_000);
            turns.woken(now);
            turns.is_current(now)
        });
        assert_eq!(current.collect::<Vec<_>>(), [false, true, false, true]);
    }
}
