//! Replay protection for the newest 256 sequences (standard: *Replay Protection*).

use crate::identity::Sequence;
use crate::standard::REPLAY_WINDOW;

/// Replay window with one bit for each of the newest 256 sequences.
///
/// The empty window is all zeros, so that tables of windows take no space in a firmware image.
#[derive(Clone, Debug)]
pub(crate) struct ReplayWindow {
    most_recent: u64,
    seen: [u64; 4],
}

impl ReplayWindow {
    pub(crate) const EMPTY: Self = Self {
        most_recent: 0,
        seen: [0; 4],
    };

    /// Returns `true` if `sequence` was already received, or is too old for the window.
    ///
    /// Checked before a packet is opened; the window moves only afterwards, with [`Self::mark`].
    pub(crate) fn is_replay(&self, sequence: Sequence) -> bool {
        let sequence = sequence.0;
        if sequence > self.most_recent {
            return false;
        }
        // A subtraction: `sequence + 256 <= most_recent` overflows at the top of the range.
        let age = self.most_recent.wrapping_sub(sequence);
        age >= REPLAY_WINDOW || self.word(sequence) & bit(sequence) != 0
    }

    /// Records the sequence of an authenticated packet.
    pub(crate) fn mark(&mut self, sequence: Sequence) {
        let sequence = sequence.0;
        if sequence > self.most_recent {
            self.forget_between(self.most_recent, sequence);
            self.most_recent = sequence;
        }
        if let Some(word) = self.seen.get_mut(word_of(sequence)) {
            *word |= bit(sequence);
        }
    }

    /// Highest sequence of an authenticated packet; zero before the first.
    pub(crate) const fn most_recent(&self) -> Sequence {
        Sequence(self.most_recent)
    }

    /// Clears the bits of the sequences skipped between `old` and `new`, which still hold those of
    /// one window ago.
    fn forget_between(&mut self, old: u64, new: u64) {
        if new.wrapping_sub(old) >= REPLAY_WINDOW {
            self.seen = [0; 4];
            return;
        }
        let mut sequence = old;
        while sequence != new {
            sequence = sequence.wrapping_add(1);
            if let Some(word) = self.seen.get_mut(word_of(sequence)) {
                *word &= !bit(sequence);
            }
        }
    }

    fn word(&self, sequence: u64) -> u64 {
        self.seen.get(word_of(sequence)).copied().unwrap_or(0)
    }
}

const fn word_of(sequence: u64) -> usize {
    ((sequence >> 6) & 3) as usize
}

const fn bit(sequence: u64) -> u64 {
    1 << (sequence & 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accept(window: &mut ReplayWindow, sequence: u64) -> bool {
        let fresh = !window.is_replay(Sequence(sequence));
        if fresh {
            window.mark(Sequence(sequence));
        }
        fresh
    }

    #[test]
    fn each_sequence_is_accepted_once() {
        let mut window = ReplayWindow::EMPTY;
        for sequence in 0..1000 {
            assert!(accept(&mut window, sequence));
            assert!(!accept(&mut window, sequence));
        }
    }

    #[test]
    fn the_edge_of_the_window_is_256_behind_the_newest() {
        let mut window = ReplayWindow::EMPTY;
        assert!(accept(&mut window, 1256));
        assert!(!accept(&mut window, 1000), "1256 - 256 is too old");
        assert!(accept(&mut window, 1001));
    }

    #[test]
    fn the_top_of_the_range_does_not_overflow() {
        let mut window = ReplayWindow::EMPTY;
        assert!(accept(&mut window, u64::MAX));
        assert!(accept(&mut window, u64::MAX - 255));
        assert!(!accept(&mut window, u64::MAX - 256));
        assert!(!accept(&mut window, u64::MAX));
        assert!(!accept(&mut window, 0));
    }

    proptest! {
        /// Compared with a model that records every sequence.
        #[test]
        fn the_window_agrees_with_a_full_memory(
            begin in prop_oneof![Just(0), Just(u64::MAX - 700), any::<u64>()],
            steps in prop::collection::vec(
                prop_oneof![50 => 0u64..700, 1 => any::<u64>()],
                1..400,
            ),
        ) {
            let mut window = ReplayWindow::EMPTY;
            let mut seen = std::collections::BTreeSet::new();
            for step in steps {
                let sequence = begin.wrapping_add(step);
                let newest = seen.last().copied().unwrap_or(0);
                let too_old = newest >= 256 && sequence <= newest - 256;
                let expected = !too_old && !seen.contains(&sequence);
                prop_assert_eq!(accept(&mut window, sequence), expected);
                if expected {
                    seen.insert(sequence);
                }
            }
        }
    }
}
