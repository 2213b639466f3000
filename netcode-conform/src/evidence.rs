//! Evidence: datagrams that were sent and that came back, in order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most entries that are kept; a flood would fill the memory.
const MOST_ENTRIES: usize = 200;

/// Direction of a datagram, or a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the tool.
    Sent,
    /// From the implementation under test.
    Received,
    /// No datagram: what the tool did or waited for.
    Remark,
}

/// One line of evidence.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Entry {
    /// Time since the attempt began, in milliseconds.
    pub at_ms: u64,
    /// Direction.
    pub direction: Direction,
    /// The datagram in words.
    pub text: String,
    /// The datagram in hexadecimal digits; empty for a remark.
    pub bytes: String,
}

/// Record of one attempt, shared by everyone the tool plays in it.
#[derive(Clone)]
pub(crate) struct Log {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            entries: Arc::default(),
        }
    }

    fn add(&self, direction: Direction, text: String, bytes: &[u8]) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MOST_ENTRIES {
            // The last ones tell why; the first ones how it began.
            entries.remove(MOST_ENTRIES / 2);
        }
        entries.push(Entry {
            at_ms: millis(self.began.elapsed()),
            direction,
            text,
            bytes: hex::encode(bytes),
        });
    }

    pub(crate) fn sent(&self, text: impl Into<String>, bytes: &[u8]) {
        self.add(Direction::Sent, text.into(), bytes);
    }

    pub(crate) fn received(&self, text: impl Into<String>, bytes: &[u8]) {
        self.add(Direction::Received, text.into(), bytes);
    }

    pub(crate) fn remark(&self, text: impl Into<String>) {
        self.add(Direction::Remark, text.into(), &[]);
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whole milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
