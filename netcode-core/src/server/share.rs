//! Shares of a table: limits on the entries of one host and of one client id.
//!
//! An honest client needs one entry for a handshake and a few for its tokens. Without a limit, one
//! host with many tokens could hold every entry, from as many ports as it likes.

use core::num::NonZeroU32;

use super::column::Column;
use super::hash::scale;

/// Entries of any table that one source may hold, however small the table is.
const LEAST: usize = 8;

/// Largest share of a server's table for one source: a host or a client id.
///
/// A host is an IPv4 address or an IPv6 /64, with all its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum SourceLimit {
    /// One in this many of the table's entries, and never fewer than eight.
    OneIn(NonZeroU32),
    /// The whole table. For servers whose clients share an address: behind one NAT, or behind a
    /// bridge on another machine.
    Unlimited,
}

impl SourceLimit {
    /// A quarter of the table.
    pub const QUARTER: Self = Self::OneIn(NonZeroU32::MIN.saturating_add(3));
    /// A sixteenth of the table.
    pub const SIXTEENTH: Self = Self::OneIn(NonZeroU32::MIN.saturating_add(15));

    /// Number of entries in a table of this capacity.
    fn entries(self, capacity: usize) -> usize {
        match self {
            Self::OneIn(parts) => {
                let parts = usize::try_from(parts.get()).unwrap_or(usize::MAX);
                capacity.checked_div(parts).unwrap_or(0).max(LEAST)
            }
            Self::Unlimited => usize::MAX,
        }
    }
}

/// Counters of a [`Tally`], one in each of its two rows.
pub(crate) type Counters = [u32; 2];

/// Number of table entries held by each source, in constant time and fixed memory.
///
/// A counting sketch: two rows of counters, in each of which the keyed hash of a source selects
/// one. Its count is the lower of the two: never below the true count, and above it only if other
/// sources share both counters. Without the key, colliding sources cannot be chosen.
pub(crate) struct Tally<'s> {
    counters: Column<'s, Counters>,
}

impl<'s> Tally<'s> {
    pub(crate) fn new(counters: Column<'s, Counters>) -> Self {
        Self { counters }
    }

    /// Resets all counts to zero.
    pub(crate) fn clear(&mut self) {
        self.counters.fill([0; 2]);
    }

    pub(crate) fn add(&mut self, source: u64) {
        self.each(source, |counter| *counter = counter.saturating_add(1));
    }

    pub(crate) fn remove(&mut self, source: u64) {
        self.each(source, |counter| *counter = counter.saturating_sub(1));
    }

    /// Returns `true` if the source may hold one more entry of the table.
    pub(crate) fn has_room(&self, source: u64, limit: SourceLimit) -> bool {
        self.count(source) < limit.entries(self.counters.len())
    }

    pub(crate) fn count(&self, source: u64) -> usize {
        let counts = self.places(source).into_iter().enumerate();
        let least = counts
            .filter_map(|(row, place)| self.counters.get(place)?.get(row).copied())
            .min();
        usize::try_from(least.unwrap_or(0)).unwrap_or(usize::MAX)
    }

    fn each(&mut self, source: u64, change: impl Fn(&mut u32)) {
        for (row, place) in self.places(source).into_iter().enumerate() {
            let counters = self.counters.get_mut(place);
            if let Some(counter) = counters.and_then(|counters| counters.get_mut(row)) {
                change(counter);
            }
        }
    }

    /// Position of the source's counter in each row, from the halves of its hash.
    fn places(&self, source: u64) -> [usize; 2] {
        [source >> 32, source].map(|half| scale(half, self.counters.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::identity::ClientId;
    use crate::server::hash::HashKey;

    #[test]
    fn a_limit_is_its_part_of_the_table_and_at_least_eight() {
        assert_eq!(SourceLimit::QUARTER.entries(64), 16);
        assert_eq!(SourceLimit::QUARTER.entries(35), 8);
        assert_eq!(SourceLimit::SIXTEENTH.entries(4096), 256);
        assert_eq!(SourceLimit::SIXTEENTH.entries(1), 8);
        assert_eq!(SourceLimit::Unlimited.entries(1), usize::MAX);
    }

    #[test]
    fn each_half_of_a_hash_gives_the_place_in_one_row() {
        let mut counters = [[0; 2]; 64];
        let tally = Tally::new(Column::Borrowed(&mut counters));
        assert_eq!(tally.places(0x8000_0000_4000_0000), [32, 16]);
    }

    proptest! {
        /// Compared with exact counts.
        #[test]
        fn a_count_is_never_too_low_and_exact_for_a_source_alone_in_a_place(
            steps in prop::collection::vec((0u64..24, any::<bool>()), 1..200),
        ) {
            let mut counters = [[0; 2]; 16];
            let mut tally = Tally::new(Column::Borrowed(&mut counters));
            let hash = |id| HashKey(3, 4).hash_id(ClientId(id));
            let mut exact = BTreeMap::<u64, usize>::new();
            for (id, joins) in steps {
                let held = exact.entry(id).or_default();
                if joins {
                    *held += 1;
                    tally.add(hash(id));
                } else if *held > 0 {
                    *held -= 1;
                    tally.remove(hash(id));
                }
            }
            for (&id, &held) in &exact {
                let alone = (0..2).any(|row| {
                    let place = tally.places(hash(id))[row];
                    exact.iter().all(|(&other, &held)| {
                        let same = tally.places(hash(other))[row] == place;
                        other == id || held == 0 || !same
                    })
                });
                let count = tally.count(hash(id));
                prop_assert!(count >= held);
                prop_assert!(!alone || count == held);
            }
        }
    }
}
