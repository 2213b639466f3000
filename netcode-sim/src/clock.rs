//! Clocks of hosts: they drift, jump and stop, while virtual time runs evenly.

/// Clock of one host.
#[derive(Clone, Debug)]
pub(crate) struct HostClock {
    /// Virtual time and host time at which the clock was last changed, microseconds.
    since: (u64, u64),
    /// Speed in parts per million; zero while it stands still.
    speed: u64,
    regular_speed: u64,
}

impl HostClock {
    pub(crate) fn new(origin: u64, drift_ppm: i64) -> Self {
        let speed = 1_000_000_u64.saturating_add_signed(drift_ppm);
        Self {
            since: (0, origin),
            speed,
            regular_speed: speed,
        }
    }

    /// Host time at a virtual time.
    pub(crate) fn read(&self, time: u64) -> u64 {
        let (from, host) = self.since;
        let passed = u128::from(time.saturating_sub(from)) * u128::from(self.speed) / 1_000_000;
        host.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// Earliest virtual time at which the host's clock shows `host` or more; `None` while it stands
    /// still.
    pub(crate) fn when(&self, host: u64) -> Option<u64> {
        let (from, at) = self.since;
        let wait = u128::from(host.saturating_sub(at)) * 1_000_000;
        let wait = wait.div_ceil(u128::from(self.speed).max(1));
        let wait = u64::try_from(wait).unwrap_or(u64::MAX);
        (self.speed > 0 || host <= at).then(|| from.saturating_add(wait))
    }

    pub(crate) fn jump(&mut self, time: u64, by: i64) {
        self.since = (time, self.read(time).saturating_add_signed(by));
    }

    pub(crate) fn stop(&mut self, time: u64) {
        self.since = (time, self.read(time));
        self.speed = 0;
    }

    pub(crate) fn resume(&mut self, time: u64) {
        self.since = (time, self.read(time));
        self.speed = self.regular_speed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_drifts_jumps_and_stops_is_reached_when_it_says_so() {
        let mut clock = HostClock::new(500, 50_000);
        assert_eq!(clock.read(1_000_000), 1_050_500);
        assert_eq!(clock.when(1_050_500), Some(1_000_000));
        clock.jump(1_000_000, -1_000_000);
        assert_eq!(clock.read(1_000_000), 50_500);
        clock.stop(1_000_000);
        assert_eq!((clock.read(9_000_000), clock.when(50_501)), (50_500, None));
        clock.resume(9_000_000);
        let due = clock.when(60_000).unwrap_or_default();
        assert!(clock.read(due) >= 60_000 && clock.read(due - 1) < 60_000);
    }
}
