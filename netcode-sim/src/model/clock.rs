//! Time as a role must count it: what SECURITY promises of clocks that jump.

/// Longest time that one call may let pass, microseconds.
const MOST: u64 = 1_000_000;

/// Time that passed for a role, from the times of all calls: a step back of at most a second is
/// ignored, and no step counts for more than a second.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocalTime {
    last: Option<u64>,
    passed: u64,
}

impl LocalTime {
    pub(crate) fn call(&mut self, now: u64) -> u64 {
        match self.last {
            Some(last) if now < last && last - now <= MOST => return self.passed,
            Some(last) => self.passed += now.saturating_sub(last).min(MOST),
            None => {}
        }
        self.last = Some(now);
        self.passed
    }

    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// Latest time at which a call for `due` must be asked for, on the caller's clock.
    pub(crate) fn latest_call(&self, due: u64) -> u64 {
        let wait = due.saturating_sub(self.passed).min(MOST);
        self.last.unwrap_or(0).saturating_add(wait)
    }
}

/// Date of a role: advances with its time, in whole seconds, and never goes back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Date {
    told: Option<(u64, u64)>,
}

impl Date {
    /// A date other than the one counted is taken over from this moment on; an earlier one only
    /// begins the present second again, so that a date that ran ahead waits for the right one.
    pub(crate) fn tell(&mut self, passed: u64, unix: u64) {
        match self.at(passed) {
            Some(counted) if counted == unix => {}
            counted => self.told = Some((unix.max(counted.unwrap_or(0)), passed)),
        }
    }

    pub(crate) fn at(&self, passed: u64) -> Option<u64> {
        self.told
            .map(|(unix, when)| unix + (passed - when) / 1_000_000)
    }
}
