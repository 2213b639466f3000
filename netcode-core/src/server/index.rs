//! Hash index over the numbers of a table's entries, with lookups in constant time under a secret
//! key.

use super::column::Column;
use super::hash::scale;

/// Number of an entry, or none. All-zero is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryId(u32);

impl EntryId {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn to(id: usize) -> Self {
        Self(u32::try_from(id).unwrap_or(u32::MAX).saturating_add(1))
    }

    pub(crate) fn get(self) -> Option<usize> {
        self.0.checked_sub(1).map(|id| id as usize)
    }
}

/// Row *i* of an index: bucket *i*, and the link of entry *i*. All-zero is empty.
#[derive(Clone, Copy)]
pub(crate) struct Hook {
    /// First entry of the bucket.
    first: EntryId,
    /// Next entry in the chain.
    next: EntryId,
}

impl Hook {
    pub(crate) const EMPTY: Self = Self {
        first: EntryId::NONE,
        next: EntryId::NONE,
    };
}

/// Chained hash index with as many buckets as entries, and one link per entry. The link of an entry
/// that is in no chain serves the list of free entries, or another list of the table's owner.
pub(crate) struct Index<'s> {
    hooks: Column<'s, Hook>,
    free: EntryId,
}

impl<'s> Index<'s> {
    pub(crate) fn new(hooks: Column<'s, Hook>) -> Self {
        Self {
            hooks,
            free: EntryId::NONE,
        }
    }

    /// Clears all chains; the first `usable` entries become free, and are taken lowest first.
    pub(crate) fn reset(&mut self, usable: usize) {
        self.hooks.fill(Hook::EMPTY);
        self.free = EntryId::NONE;
        for id in (0..usable.min(self.hooks.len())).rev() {
            self.give_back(id);
        }
    }

    pub(crate) fn take_free(&mut self) -> Option<usize> {
        let id = self.first_free()?;
        self.free = self.next(id);
        self.set_next(id, EntryId::NONE);
        Some(id)
    }

    /// Entry that [`take_free`](Self::take_free) takes next.
    pub(crate) fn first_free(&self) -> Option<usize> {
        self.free.get()
    }

    /// Frees an entry that is in no chain.
    pub(crate) fn give_back(&mut self, id: usize) {
        self.set_next(id, self.free);
        self.free = EntryId::to(id);
    }

    pub(crate) fn insert(&mut self, hash: u64, id: usize) {
        let bucket = self.bucket(hash);
        if let Some(hook) = self.hooks.get_mut(bucket) {
            let first = core::mem::replace(&mut hook.first, EntryId::to(id));
            self.set_next(id, first);
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, id: usize) {
        let after = self.next(id);
        let bucket = self.bucket(hash);
        match self.hooks.get_mut(bucket) {
            Some(hook) if hook.first.get() == Some(id) => hook.first = after,
            _ => {
                let mut chain = self.candidates(hash);
                let before = chain.find(|&other| self.next(other).get() == Some(id));
                drop(chain);
                let Some(before) = before else { return };
                self.set_next(before, after);
            }
        }
        self.set_next(id, EntryId::NONE);
    }

    /// Entries whose key may have this `hash`; the caller compares the keys.
    pub(crate) fn candidates(&self, hash: u64) -> impl Iterator<Item = usize> + '_ {
        let bucket = self.hooks.get(self.bucket(hash));
        let first = bucket.and_then(|hook| hook.first.get());
        core::iter::successors(first, |&id| self.next(id).get())
    }

    fn bucket(&self, hash: u64) -> usize {
        scale(hash >> 32, self.hooks.len())
    }

    pub(crate) fn next(&self, id: usize) -> EntryId {
        self.hooks.get(id).map_or(EntryId::NONE, |hook| hook.next)
    }

    pub(crate) fn set_next(&mut self, id: usize, link: EntryId) {
        if let Some(hook) = self.hooks.get_mut(id) {
            hook.next = link;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compared with a map; four keys per bucket make long chains.
        #[test]
        fn an_entry_is_found_while_it_is_in_the_index(
            keys in prop::collection::vec(0u64..12, 1..200),
        ) {
            let mut hooks = [Hook::EMPTY; 12];
            let mut index = Index::new(Column::Borrowed(&mut hooks));
            let hash = |key: u64| (key / 4) << 62;
            let mut model = BTreeMap::new();
            for (step, key) in keys.into_iter().enumerate() {
                if let Some(id) = model.remove(&key) {
                    index.remove(hash(key), id);
                } else {
                    let free = (0..12).cycle().skip(step);
                    let id = free.take(12).find(|id| !model.values().any(|used| used == id));
                    model.insert(key, id.unwrap());
                    index.insert(hash(key), id.unwrap());
                }
                for key in [0, 4, 8] {
                    let mut found: Vec<_> = index.candidates(hash(key)).collect();
                    let mut expected: Vec<_> = model.range(key..key + 4).map(|(_, &id)| id).collect();
                    found.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
