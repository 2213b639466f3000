//! Finding a table's entry by a key, in constant time that an attacker cannot spoil.
//!
//! A chained hash table over entries that live elsewhere: as many buckets as entries, and one
//! link an entry. The hash is SipHash under a key drawn at every start, so nobody outside can aim
//! keys at one bucket. A free entry is in no chain, so its link serves the list of free entries.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::storage::{IndexTables, Table};

/// The number of an entry, or none. All-zero is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(u32);

impl Link {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn to(id: usize) -> Self {
        Self(u32::try_from(id).unwrap_or(u32::MAX).saturating_add(1))
    }

    pub(crate) fn get(self) -> Option<usize> {
        self.0.checked_sub(1).map(|id| id as usize)
    }
}

/// The secret of all indexes of a server.
#[derive(Clone, Copy)]
pub(crate) struct HashKey(pub(crate) u64, pub(crate) u64);

impl HashKey {
    pub(crate) fn hash(self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// A hash index over the entries of one table.
pub(crate) struct Index<'s> {
    buckets: Table<'s, Link>,
    links: Table<'s, Link>,
    free: Link,
}

impl<'s> Index<'s> {
    pub(crate) fn new(tables: IndexTables<'s>) -> Self {
        Self {
            buckets: tables.buckets,
            links: tables.links,
            free: Link::NONE,
        }
    }

    /// Empties every chain; the first `usable` entries become free, the lowest first in line.
    pub(crate) fn reset(&mut self, usable: usize) {
        self.buckets.fill(Link::NONE);
        self.links.fill(Link::NONE);
        self.free = Link::NONE;
        for id in (0..usable.min(self.links.len())).rev() {
            self.give_back(id);
        }
    }

    /// Takes a free entry, which is in no chain yet.
    pub(crate) fn take_free(&mut self) -> Option<usize> {
        let id = self.free.get()?;
        self.free = self.link(id);
        self.set_link(id, Link::NONE);
        Some(id)
    }

    /// Returns an entry that is in no chain any more.
    pub(crate) fn give_back(&mut self, id: usize) {
        let free = self.free;
        self.set_link(id, free);
        self.free = Link::to(id);
    }

    pub(crate) fn has_free(&self) -> bool {
        self.free != Link::NONE
    }

    pub(crate) fn insert(&mut self, hash: u64, id: usize) {
        let bucket = self.bucket(hash);
        if let Some(head) = self.buckets.get_mut(bucket) {
            let first = core::mem::replace(head, Link::to(id));
            self.set_link(id, first);
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, id: usize) {
        let after = self.link(id);
        let bucket = self.bucket(hash);
        let first = self.buckets.get(bucket).copied().unwrap_or(Link::NONE);
        if first.get() == Some(id) {
            if let Some(head) = self.buckets.get_mut(bucket) {
                *head = after;
            }
        } else {
            let before = self
                .chain(first)
                .find(|&other| self.link(other).get() == Some(id));
            let Some(before) = before else { return };
            self.set_link(before, after);
        }
        self.set_link(id, Link::NONE);
    }

    /// Entries that may have the key behind `hash`; the caller compares the key itself.
    pub(crate) fn candidates(&self, hash: u64) -> impl Iterator<Item = usize> + '_ {
        self.chain(
            self.buckets
                .get(self.bucket(hash))
                .copied()
                .unwrap_or(Link::NONE),
        )
    }

    fn chain(&self, first: Link) -> impl Iterator<Item = usize> + '_ {
        core::iter::successors(first.get(), |&id| self.link(id).get())
    }

    fn bucket(&self, hash: u64) -> usize {
        // The high half, scaled to the number of buckets: no division, no power of two.
        let scaled = (hash >> 32).wrapping_mul(self.buckets.len() as u64) >> 32;
        usize::try_from(scaled).unwrap_or(0)
    }

    fn link(&self, id: usize) -> Link {
        self.links.get(id).copied().unwrap_or(Link::NONE)
    }

    fn set_link(&mut self, id: usize, link: Link) {
        if let Some(place) = self.links.get_mut(id) {
            *place = link;
        }
    }
}
