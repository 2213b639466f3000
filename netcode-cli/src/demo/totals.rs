//! Counters of the demonstration, all clients together.

use std::time::Duration;

/// Payloads, by result.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) echoed: u64,
    pub(super) lost: u64,
    pub(super) late: u64,
    pub(super) damaged: u64,
    /// Microseconds of each of the latest round trips.
    pub(super) round_trips: Vec<u32>,
}

impl Totals {
    pub(super) fn good(&mut self, took: Duration) {
        const MOST: usize = 1 << 20;
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let at = usize::try_from(self.echoed).unwrap_or(0) % MOST;
        match self.round_trips.get_mut(at) {
            Some(oldest) => *oldest = micros,
            None => self.round_trips.push(micros),
        }
        self.echoed += 1;
    }
}
