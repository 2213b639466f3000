//! Traffic of one session.

use std::sync::atomic::{AtomicU64, Ordering};

use super::event::SessionInfo;

/// Ways of a session, as indexes of its counters.
pub(super) const TO_SERVER: usize = 0;
pub(super) const TO_BROWSER: usize = 1;

/// Traffic of a session, to the server and to the browser.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    datagrams: [AtomicU64; 2],
    bytes: [AtomicU64; 2],
}

impl Traffic {
    pub(super) fn passed(&self, way: usize, bytes: usize) {
        let add = |counters: &[AtomicU64; 2], amount| {
            if let Some(counter) = counters.get(way) {
                counter.fetch_add(amount, Ordering::Relaxed);
            }
        };
        add(&self.datagrams, 1);
        add(&self.bytes, u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(super) fn report(&self, info: &SessionInfo) -> SessionInfo {
        let read = |counters: &[AtomicU64; 2]| {
            counters
                .each_ref()
                .map(|counter| counter.load(Ordering::Relaxed))
        };
        SessionInfo {
            datagrams: read(&self.datagrams),
            bytes: read(&self.bytes),
            ..info.clone()
        }
    }
}
