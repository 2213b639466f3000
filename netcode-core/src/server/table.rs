//! Keyed table of fixed size: entries found by hash, expired by deadline, counted by source.
//!
//! Used for slots, half-open connections and the token history.

use super::column::Column;
use super::deadlines::{Deadlines, Wait};
use super::hash::HashKey;
use super::index::{Hook, Index};
use super::share::{Counters, Tally};
use crate::time::Deadline;

/// Table entry with `KEYS` lookup keys.
pub(crate) trait Entry<const KEYS: usize>: Sized {
    /// Time in which its deadlines are measured.
    type Deadline: Deadline;

    /// Free entry: all zeros.
    const EMPTY: Self;

    fn hashes(&self, hash_key: HashKey) -> Hashes<KEYS>;

    /// Resets the entry and wipes its secrets.
    fn wipe(&mut self) {
        // Dropping keys wipes them.
        *self = Self::EMPTY;
    }

    /// Makes the entry a free one and wipes its secrets.
    fn release(&mut self) {
        self.wipe();
    }
}

/// Hashes of an entry's lookup keys and of the sources it is counted for.
#[derive(Clone, Copy)]
pub(crate) struct Hashes<const KEYS: usize> {
    /// `None` for a key that the entry does not have.
    pub(crate) keys: [Option<u64>; KEYS],
    /// Host and client id, in a table with a limit on each.
    pub(crate) sources: Option<[u64; 2]>,
}

/// Storage of a table with `N` entries, owned by the caller.
pub(crate) struct TableStorage<
    T: Entry<KEYS>,
    const N: usize,
    const KEYS: usize,
    const TALLIES: usize,
> {
    entries: [T; N],
    hooks: [[Hook; N]; KEYS],
    waits: [Wait; N],
    tallies: [[Counters; N]; TALLIES],
}

impl<T: Entry<KEYS>, const N: usize, const KEYS: usize, const TALLIES: usize>
    TableStorage<T, N, KEYS, TALLIES>
{
    pub(crate) const EMPTY: Self = Self {
        entries: [const { T::EMPTY }; N],
        hooks: [[Hook::EMPTY; N]; KEYS],
        waits: [Wait::EMPTY; N],
        tallies: [[[0; 2]; N]; TALLIES],
    };

    /// Table in this storage. Reset it before use.
    pub(crate) fn table(&mut self) -> KeyedTable<'_, T, KEYS, TALLIES> {
        let hooks = self.hooks.each_mut();
        let tallies = self.tallies.each_mut();
        KeyedTable {
            entries: Column::Borrowed(&mut self.entries),
            indexes: hooks.map(|hooks| Index::new(Column::Borrowed(hooks))),
            deadlines: Deadlines::new(Column::Borrowed(&mut self.waits)),
            tallies: tallies.map(|tally| Tally::new(Column::Borrowed(tally))),
            hash_key: HashKey::NONE,
            used: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn entries(&self) -> &[T] {
        &self.entries
    }
}

/// Keyed table. Dropping it wipes its entries.
pub(crate) struct KeyedTable<'s, T: Entry<KEYS>, const KEYS: usize, const TALLIES: usize> {
    pub(crate) entries: Column<'s, T>,
    pub(crate) indexes: [Index<'s>; KEYS],
    /// In the unit of the entry's deadline.
    deadlines: Deadlines<'s>,
    /// The first tally counts the entries of each host and client id; others belong to the owner.
    pub(crate) tallies: [Tally<'s>; TALLIES],
    pub(crate) hash_key: HashKey,
    /// Entries that are not free.
    pub(crate) used: usize,
}

impl<'s, T: Entry<KEYS>, const KEYS: usize, const TALLIES: usize> KeyedTable<'s, T, KEYS, TALLIES> {
    /// Allocates a table on the heap.
    #[cfg(feature = "alloc")]
    pub(crate) fn heap(len: usize) -> Self {
        Self {
            entries: Column::heap(len, || T::EMPTY),
            indexes: [(); KEYS].map(|()| Index::new(Column::heap(len, || Hook::EMPTY))),
            deadlines: Deadlines::new(Column::heap(len, || Wait::EMPTY)),
            tallies: [(); TALLIES].map(|()| Tally::new(Column::heap(len, || [0; 2]))),
            hash_key: HashKey::NONE,
            used: 0,
        }
    }

    /// Clears the table; its first `usable` entries, or all if it has fewer, can be used.
    pub(crate) fn reset(&mut self, usable: usize, hash_key: HashKey) {
        self.entries.iter_mut().for_each(T::wipe);
        for index in &mut self.indexes {
            index.reset(usable);
        }
        self.deadlines.clear();
        self.tallies.iter_mut().for_each(Tally::clear);
        self.hash_key = hash_key;
        self.used = 0;
    }

    pub(crate) fn get(&self, id: usize) -> Option<&T> {
        self.entries.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: usize) -> Option<&mut T> {
        self.entries.get_mut(id)
    }

    /// Entries under `hash` in one of the table's indexes for which `is` holds.
    pub(crate) fn find<'t>(
        &'t self,
        index: &'t Index<'s>,
        hash: u64,
        is: impl Fn(&T) -> bool + 't,
    ) -> impl Iterator<Item = usize> + 't {
        let candidates = index.candidates(hash);
        candidates.filter(move |&id| self.entries.get(id).is_some_and(&is))
    }

    /// Number of the entry that [`insert`](Self::insert) takes next.
    pub(crate) fn next_free(&self) -> Option<usize> {
        self.indexes.first()?.first_free()
    }

    /// Stores an entry in a free place and returns its number. `hashes` are those of `entry`.
    pub(crate) fn insert(&mut self, entry: T, hashes: &Hashes<KEYS>) -> Option<usize> {
        let id = self.indexes.first_mut()?.take_free()?;
        self.used = self.used.saturating_add(1);
        self.put(id, entry, hashes);
        Some(id)
    }

    /// Stores an entry in the place of another. `hashes` are those of `entry`.
    pub(crate) fn replace(&mut self, id: usize, entry: T, hashes: &Hashes<KEYS>) {
        self.unlink(id);
        self.put(id, entry, hashes);
    }

    fn put(&mut self, id: usize, entry: T, hashes: &Hashes<KEYS>) {
        if let Some(place) = self.entries.get_mut(id) {
            *place = entry;
        }
        link(&mut self.indexes, &hashes.keys, id);
        if let (Some(held), Some(sources)) = (self.tallies.first_mut(), hashes.sources) {
            sources.into_iter().for_each(|source| held.add(source));
        }
    }

    /// Enters an entry that was unlinked into its indexes again, under the keys that it has now.
    pub(crate) fn link(&mut self, id: usize) {
        if let Some(entry) = self.entries.get(id) {
            let hashes = entry.hashes(self.hash_key);
            link(&mut self.indexes, &hashes.keys, id);
        }
    }

    /// Removes an entry from all indexes and tallies.
    pub(crate) fn unlink(&mut self, id: usize) {
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let hashes = entry.hashes(self.hash_key);
        unlink(&mut self.indexes, &hashes.keys, id);
        if let (Some(held), Some(sources)) = (self.tallies.first_mut(), hashes.sources) {
            sources.into_iter().for_each(|source| held.remove(source));
        }
    }

    /// Releases an entry that is not in the first index.
    pub(crate) fn free(&mut self, id: usize) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.release();
        }
        self.deadlines.cancel(id);
        if let Some(index) = self.indexes.first_mut() {
            index.give_back(id);
        }
        self.used = self.used.saturating_sub(1);
    }

    pub(crate) fn remove(&mut self, id: usize) {
        self.unlink(id);
        self.free(id);
    }

    /// Removes every entry whose deadline has passed.
    pub(crate) fn expire(&mut self, now: T::Deadline) {
        while let Some(id) = self.due(now) {
            self.remove(id);
        }
    }

    /// Entry with the earliest deadline, if that has passed.
    pub(crate) fn due(&self, now: T::Deadline) -> Option<usize> {
        let (due, id) = self.deadlines.first()?;
        (due <= now.ticks()).then_some(id)
    }

    pub(crate) fn first_due(&self) -> Option<T::Deadline> {
        let (due, _) = self.deadlines.first()?;
        Some(T::Deadline::from_ticks(due))
    }

    pub(crate) fn set_due(&mut self, id: usize, at: T::Deadline) {
        self.deadlines.set(id, at.ticks());
    }

    pub(crate) fn cancel_due(&mut self, id: usize) {
        self.deadlines.cancel(id);
    }
}

// Not generic, so that they are compiled once for all tables.

fn link(indexes: &mut [Index<'_>], hashes: &[Option<u64>], id: usize) {
    for (index, hash) in indexes.iter_mut().zip(hashes) {
        if let Some(hash) = hash {
            index.insert(*hash, id);
        }
    }
}

fn unlink(indexes: &mut [Index<'_>], hashes: &[Option<u64>], id: usize) {
    for (index, hash) in indexes.iter_mut().zip(hashes) {
        if let Some(hash) = hash {
            index.remove(*hash, id);
        }
    }
}

// The columns may be in a `static`, which is never dropped.
impl<T: Entry<KEYS>, const KEYS: usize, const TALLIES: usize> Drop
    for KeyedTable<'_, T, KEYS, TALLIES>
{
    fn drop(&mut self) {
        self.entries.iter_mut().for_each(T::wipe);
    }
}
