//! Outcomes of heartbeats, for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::matchmaker::Failure;

/// Outcomes of heartbeats since the start.
#[derive(Debug)]
pub(in crate::server) struct Figures {
    accepted: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    /// Time of the last one that was accepted; before the first, of the start.
    last: Mutex<Instant>,
}

impl Figures {
    pub(in crate::server) fn new() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            last: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn failed(&self, failure: &Failure) {
        let counter = if failure.is_refusal() {
            &self.refused
        } else {
            &self.failed
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of heartbeats, by outcome.
    pub(in crate::server) fn outcomes(&self) -> [(&'static str, u64); 3] {
        [
            ("accepted", self.accepted.load(Ordering::Relaxed)),
            ("refused", self.refused.load(Ordering::Relaxed)),
            ("failed", self.failed.load(Ordering::Relaxed)),
        ]
    }

    /// Seconds since the last one that was accepted.
    pub(in crate::server) fn age(&self) -> f64 {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed().as_secs_f64()
    }
}
