//! Time as measured by the caller. The core never reads a clock.
//!
//! [`Instant`] is the caller's monotonic clock; [`UnixTime`] is calendar time, which only token
//! minting and expiry checks need. Internally both roles use [`Local`] time, which limits the
//! effect of jumps of the caller's clock: see [`Clock`].

use core::time::Duration;

/// Point in time: microseconds since an arbitrary origin.
///
/// Suitable sources are a microcontroller's timer, a simulation's step counter and
/// `std::time::Instant`. Values are compared only with others given to the same
/// [`Client`](crate::client::Client) or [`Server`](crate::server::Server).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// Instant `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Instant `millis` milliseconds after the origin; saturates at `u64::MAX` microseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Duration since `earlier`; zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Instant later by `by`; saturates at `u64::MAX` microseconds.
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }
}

/// Calendar time: whole seconds since 1970-01-01T00:00:00Z, the unit of the standard's timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct UnixTime(u64);

impl UnixTime {
    /// Time `seconds` after the Unix epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Time later by `seconds`; saturates.
    pub const fn saturating_add_secs(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// Duration in whole microseconds; saturates instead of overflowing.
pub(crate) const fn micros(duration: Duration) -> u64 {
    // In `u64`: 128 bits take more code, and constants need no conversion trait.
    let whole = duration.as_secs().saturating_mul(1_000_000);
    whole.saturating_add(duration.subsec_micros() as u64)
}

/// Longest step by which one call advances a role's local time.
///
/// While connected, both roles need a call ten times a second; a longer gap means that the process
/// was suspended or stopped in a debugger, or that its clock was set. None of that is silence of
/// the peer, so no more than this much of the gap counts towards a timeout.
pub const MAX_STEP: Duration = Duration::from_secs(1);

/// Local time of a role, microseconds. It never runs backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Local(pub(crate) u64);

impl Local {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) const fn after(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Time of a table entry's deadline, in ticks of its own unit. All entries of a table use the same
/// type.
pub(crate) trait Deadline: Copy {
    fn from_ticks(ticks: u64) -> Self;
    fn ticks(self) -> u64;
}

macro_rules! deadline {
    ($time:ident) => {
        impl Deadline for $time {
            fn from_ticks(ticks: u64) -> Self {
                Self(ticks)
            }

            fn ticks(self) -> u64 {
                self.0
            }
        }
    };
}

deadline!(Local);
deadline!(UnixTime);

/// Conversion of the caller's clock, which may jump, to [`Local`] time, which does not.
///
/// A step backwards of at most [`MAX_STEP`] is ignored: local time stands still until the caller's
/// clock has caught up, so that calls with alternating times (a datagram's arrival, then the
/// present) count the same time once. After a longer step the clock was set, and local time
/// continues from there. A jump forwards counts as [`MAX_STEP`] at most. So a wrong clock can
/// neither disconnect all clients at once nor revive an expired session.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// Latest time of the caller since its clock was last set back.
    last: Option<Instant>,
    local: Local,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self {
            last: None,
            local: Local::ZERO,
        }
    }

    /// Local time at the caller's `now`.
    pub(crate) fn advance(&mut self, now: Instant) -> Local {
        if let Some(last) = self.last {
            let back = last.0.saturating_sub(now.0);
            if (1..=micros(MAX_STEP)).contains(&back) {
                return self.local;
            }
            let step = now.0.saturating_sub(last.0).min(micros(MAX_STEP));
            self.local = self.local.after(step);
        }
        self.last = Some(now);
        self.local
    }

    /// Local time at the last call.
    pub(crate) const fn local(&self) -> Local {
        self.local
    }

    /// Time on the caller's clock of the next call for `deadline`: the deadline if the clock runs
    /// evenly, but at most [`MAX_STEP`] from now, since a longer wait would itself count as a jump.
    pub(crate) fn to_caller(&self, deadline: Local) -> Instant {
        let wait = deadline.since(self.local).min(micros(MAX_STEP));
        Instant(self.last.unwrap_or_default().0.saturating_add(wait))
    }
}

/// Calendar time of a role, as last set and advanced in local time. It never runs backwards, so
/// that no expired token becomes valid again.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    told: UnixTime,
    told_at: Local,
}

impl Calendar {
    /// Unknown date.
    pub(crate) const UNKNOWN: Self = Self {
        told: UnixTime::from_secs(0),
        told_at: Local::ZERO,
    };

    /// Sets the date at `now`. An earlier date does not set the calendar back.
    pub(crate) fn set(&mut self, now: Local, unix: UnixTime) {
        let counted = self.at(now);
        if unix != counted {
            self.told = unix.max(counted);
            self.told_at = now;
        }
    }

    pub(crate) const fn at(&self, now: Local) -> UnixTime {
        let counted = now.since(self.told_at) / 1_000_000;
        self.told.saturating_add_secs(counted)
    }

    /// Returns `true` if the date is known and `unix` is not after it. Avoids a division, which
    /// takes half a kilobyte of code on small targets.
    pub(crate) fn is_past(&self, unix: UnixTime, now: Local) -> bool {
        let left = unix.as_secs().saturating_sub(self.told.as_secs());
        let known = self.told != Self::UNKNOWN.told;
        known && now.since(self.told_at) >= left.saturating_mul(1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_follows_an_even_clock() {
        let mut clock = Clock::new();
        assert_eq!(clock.advance(Instant::from_micros(7_000)), Local(0));
        assert_eq!(clock.advance(Instant::from_micros(7_250)), Local(250));
        assert_eq!(clock.to_caller(Local(300)), Instant::from_micros(7_300));
    }

    #[test]
    fn a_jump_backwards_holds_local_time_and_runs_on() {
        let mut clock = Clock::new();
        clock.advance(Instant::from_micros(5_000_000));
        clock.advance(Instant::from_micros(5_001_000));
        assert_eq!(clock.advance(Instant::from_micros(10)), Local(1_000));
        assert_eq!(clock.advance(Instant::from_micros(30)), Local(1_020));
    }

    #[test]
    fn times_that_alternate_within_a_step_are_counted_once() {
        let step = micros(MAX_STEP);
        let mut clock = Clock::new();
        clock.advance(Instant::from_micros(0));
        for micros in 1..=1_000 {
            clock.advance(Instant::from_micros(micros + step));
            clock.advance(Instant::from_micros(micros));
        }
        assert_eq!(clock.local(), Local(step + 999));
    }

    #[test]
    fn a_clock_set_back_by_more_than_a_step_is_followed_from_there() {
        let step = micros(MAX_STEP);
        let mut clock = Clock::new();
        clock.advance(Instant::from_micros(step + 1));
        assert_eq!(clock.advance(Instant::from_micros(1)), Local(0), "waits");
        assert_eq!(clock.advance(Instant::from_micros(0)), Local(0), "was set");
        assert_eq!(clock.advance(Instant::from_micros(7)), Local(7));
    }

    #[test]
    fn a_jump_forwards_counts_for_one_step() {
        let mut clock = Clock::new();
        clock.advance(Instant::ZERO);
        let day = Instant::from_millis(86_400_000);
        assert_eq!(clock.advance(day), Local(micros(MAX_STEP)));
    }

    #[test]
    fn a_far_deadline_is_reached_by_calls_no_step_is_cut_from() {
        let mut clock = Clock::new();
        clock.advance(Instant::ZERO);
        let deadline = Local(micros(MAX_STEP) * 10);
        let mut now = Instant::ZERO;
        while clock.local() < deadline {
            now = clock.to_caller(deadline);
            clock.advance(now);
        }
        assert_eq!(now.as_micros(), deadline.0);
    }

    #[test]
    fn a_calendar_counts_on_and_never_back() {
        let second = 1_000_000;
        let mut calendar = Calendar::UNKNOWN;
        assert!(!calendar.is_past(UnixTime(0), Local(0)));
        calendar.set(Local(0), UnixTime(100));
        assert!(calendar.is_past(UnixTime(99), Local(0)));
        assert!(calendar.is_past(UnixTime(100), Local(0)));
        assert!(!calendar.is_past(UnixTime(101), Local(second - 1)));
        assert!(calendar.is_past(UnixTime(101), Local(second)));
        assert_eq!(calendar.at(Local(10 * second)), UnixTime(110));
        // The same date again: its fraction of a second is kept.
        calendar.set(Local(second * 3 / 2), UnixTime(101));
        assert_eq!(calendar.at(Local(2 * second)), UnixTime(102));
        // A later date is taken over from this moment on.
        calendar.set(Local(second * 5 / 2), UnixTime(200));
        assert_eq!(calendar.at(Local(3 * second)), UnixTime(200));
        assert_eq!(calendar.at(Local(second * 7 / 2)), UnixTime(201));
        // An earlier one does not set it back.
        calendar.set(Local(4 * second), UnixTime(50));
        assert_eq!(calendar.at(Local(4 * second)), UnixTime(201));
        assert_eq!(calendar.at(Local(5 * second)), UnixTime(202));
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let mut clock = Clock::new();
        clock.advance(Instant::from_micros(u64::MAX));
        assert_eq!(
            clock.to_caller(Local(u64::MAX)),
            Instant::from_micros(u64::MAX)
        );
        assert_eq!(Instant::from_millis(u64::MAX).as_micros(), u64::MAX);
        assert_eq!(micros(Duration::MAX), u64::MAX);
        assert_eq!(micros(Duration::new(2, 3_000_999)), 2_003_000);
    }
}
