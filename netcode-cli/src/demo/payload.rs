//! Distinguishable payloads: a number, and bytes derived from it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Payloads of a client in flight.
pub(super) struct Outstanding {
    client: u64,
    len: usize,
    next: u64,
    /// By the part of its number that fits a payload.
    sent: HashMap<u64, Sent>,
}

#[derive(Clone, Copy)]
struct Sent {
    number: u64,
    at: Instant,
}

/// Result of checking a reply.
pub(super) enum Echo {
    /// Reply to a payload in flight, with the round trip.
    Good(Duration),
    /// Reply to a payload that was answered before or has expired.
    Late,
    /// Reply that matches no payload.
    Damaged,
}

impl Outstanding {
    pub(super) fn new(client: u64, len: usize) -> Self {
        Self {
            client,
            len,
            next: 0,
            sent: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// `true` if another payload would be distinguishable: payloads of one byte permit few in
    /// flight.
    pub(super) fn has_room(&self) -> bool {
        !self.sent.contains_key(&self.label(self.next)) && self.len() < 64
    }

    /// Next payload, recorded as sent.
    pub(super) fn next(&mut self, at: Instant) -> Vec<u8> {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.sent.insert(self.label(number), Sent { number, at });
        self.bytes(number)
    }

    /// Checks every byte of a reply.
    pub(super) fn check(&mut self, payload: &[u8], now: Instant) -> Echo {
        let mut label = [0; 8];
        for (to, from) in label.iter_mut().zip(payload) {
            *to = *from;
        }
        let label = u64::from_le_bytes(label);
        match self.sent.get(&label).copied() {
            Some(sent) if self.bytes(sent.number) == payload => {
                self.sent.remove(&label);
                Echo::Good(now.saturating_duration_since(sent.at))
            }
            Some(_) => Echo::Damaged,
            None if self.bytes(label) == payload => Echo::Late,
            None => Echo::Damaged,
        }
    }

    /// Expires payloads sent more than `patience` ago; returns their number.
    pub(super) fn give_up(&mut self, now: Instant, patience: Duration) -> u64 {
        let before = self.sent.len();
        self.sent
            .retain(|_, sent| now.saturating_duration_since(sent.at) < patience);
        before.saturating_sub(self.sent.len()) as u64
    }

    /// Part of a number that fits a payload.
    fn label(&self, number: u64) -> u64 {
        match self.len {
            len @ 0..8 => number & ((1 << (8 * len)) - 1),
            _ => number,
        }
    }

    fn bytes(&self, number: u64) -> Vec<u8> {
        let mut state = self.client.rotate_left(32) ^ number;
        let filling = std::iter::repeat_with(move || {
            // A linear congruential step: cheap, and no two payloads are equal.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()
        });
        number
            .to_le_bytes()
            .into_iter()
            .chain(filling.flatten())
            .take(self.len)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back_once_and_whole() {
        let now = Instant::now();
        for len in [1, 2, 7, 8, 9, 1200] {
            let mut outstanding = Outstanding::new(7, len);
            let first = outstanding.next(now);
            let second = outstanding.next(now);
            assert_eq!((first.len(), outstanding.len()), (len, 2));
            assert!(matches!(outstanding.check(&second, now), Echo::Good(_)));
            assert!(matches!(outstanding.check(&second, now), Echo::Late));
            assert!(matches!(outstanding.check(&first, now), Echo::Good(_)));
            assert_eq!(outstanding.len(), 0);
        }
    }

    #[test]
    fn a_changed_byte_is_seen_wherever_it_is() {
        let now = Instant::now();
        let mut outstanding = Outstanding::new(7, 100);
        let payload = outstanding.next(now);
        for at in 0..payload.len() {
            let mut changed = payload.clone();
            changed[at] ^= 1;
            assert!(
                matches!(outstanding.check(&changed, now), Echo::Damaged),
                "byte {at}"
            );
        }
    }
}
