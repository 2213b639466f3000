//! Clocks of the operating system, in the core's units.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use netcode_core::UnixTime;

/// Origin of the core's time: a moment of the system, from which the core counts microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    at: Instant,
}

impl Origin {
    pub(crate) fn start(now: Instant) -> Self {
        Self { at: now }
    }

    /// Converts to the core's instant. Instants before the origin count as the origin.
    pub(crate) fn to_core(self, now: Instant) -> netcode_core::Instant {
        let micros = now.saturating_duration_since(self.at).as_micros();
        netcode_core::Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Converts to the system's instant, if the system can express it.
    pub(crate) fn to_system(self, at: netcode_core::Instant) -> Option<Instant> {
        self.at
            .checked_add(std::time::Duration::from_micros(at.as_micros()))
    }
}

/// Current date. A clock set before 1970 counts as 1970.
pub fn unix_time() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixTime::from_secs(since.as_secs())
}
