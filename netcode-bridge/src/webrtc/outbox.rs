//! Outbox: messages queued for a browser that receives slower than its server sends.

use std::collections::VecDeque;

use crate::config::Backpressure;

/// SCTP's share of the buffer, for messages in transit. SCTP cannot drop a message it has accepted,
/// so the other half is queued in the [`Outbox`], where the oldest can still be replaced.
pub(super) fn on_its_way(buffer_bytes: usize) -> usize {
    buffer_bytes / 2
}

/// Bounded queue of messages that found no room in the data channel, oldest first.
pub(super) struct Outbox {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    most_bytes: usize,
    backpressure: Backpressure,
}

impl Outbox {
    pub(super) fn new(backpressure: Backpressure, most_bytes: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            most_bytes,
            backpressure,
        }
    }

    /// Queues a message. `false` if one was dropped: this one, or the oldest.
    pub(super) fn push(&mut self, message: &[u8]) -> bool {
        if message.len() > self.most_bytes {
            return false;
        }
        let mut kept = true;
        while self.bytes + message.len() > self.most_bytes {
            kept = false;
            if self.backpressure == Backpressure::DropNewest || self.pop().is_none() {
                return false;
            }
        }
        self.bytes += message.len();
        self.waiting.push_back(message.to_vec());
        kept
    }

    /// Oldest message.
    pub(super) fn front(&self) -> Option<&[u8]> {
        self.waiting.front().map(Vec::as_slice)
    }

    /// Removes the oldest message.
    pub(super) fn pop(&mut self) -> Option<Vec<u8>> {
        let message = self.waiting.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[test]
    fn a_full_outbox_drops_the_newest_or_the_oldest_message_as_configured() {
        let mut newest = Outbox::new(Backpressure::DropNewest, 3);
        assert!(newest.push(&[1, 1]));
        assert!(!newest.push(&[2, 2]));
        assert!(newest.push(&[3]));
        assert_eq!(drain(&mut newest), [vec![1, 1], vec![3]]);

        let mut oldest = Outbox::new(Backpressure::DropOldest, 3);
        assert!(oldest.push(&[1, 1]));
        assert!(!oldest.push(&[2, 2]));
        assert!(oldest.push(&[3]));
        assert_eq!(drain(&mut oldest), [vec![2, 2], vec![3]]);
    }

    #[test]
    fn a_message_longer_than_the_outbox_displaces_no_other() {
        let mut outbox = Outbox::new(Backpressure::DropOldest, 3);
        assert!(outbox.push(&[1]));
        assert!(!outbox.push(&[0; 4]));
        assert!(outbox.push(&[2]));
        assert_eq!(drain(&mut outbox), [vec![1], vec![2]]);
    }
}
