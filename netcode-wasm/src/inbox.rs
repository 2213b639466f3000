//! Payloads that wait for their receiver.

use std::collections::VecDeque;

use netcode_core::Sequence;

/// How many payloads wait. One more, and the oldest is dropped: in a game the newest is worth most.
pub const INBOX_PAYLOADS: usize = 256;

/// A payload from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Payloads arrive in any order; this tells which is newer.
    pub sequence: Sequence,
    /// The bytes, 1 to 1200.
    pub bytes: Box<[u8]>,
}

/// Received payloads, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    payloads: VecDeque<Payload>,
    dropped: u32,
}

impl Inbox {
    pub(crate) fn put(&mut self, sequence: Sequence, bytes: &[u8]) {
        if self.payloads.len() >= INBOX_PAYLOADS {
            self.payloads.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.payloads.push_back(Payload {
            sequence,
            bytes: bytes.into(),
        });
    }

    pub(crate) fn take(&mut self) -> Option<Payload> {
        self.payloads.pop_front()
    }

    /// Payloads that nobody took in time.
    pub(crate) fn dropped(&self) -> u32 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_inbox_drops_its_oldest_payload() {
        let mut inbox = Inbox::default();
        for sequence in 0..=INBOX_PAYLOADS as u64 {
            inbox.put(Sequence(sequence), &[1]);
        }
        assert_eq!(inbox.dropped(), 1);
        assert_eq!(inbox.take().map(|it| it.sequence), Some(Sequence(1)));
        let rest = std::iter::from_fn(|| inbox.take()).count();
        assert_eq!(rest, INBOX_PAYLOADS - 1);
    }
}
