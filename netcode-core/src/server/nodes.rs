//! Hash chains, free list and deadlines of a table's entries, in one node an entry.

use super::column::Column;
use super::hash::scale;
use crate::time::Deadline;

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

/// Node number *i* belongs to entry *i*; it also holds bucket *i* of each index and place *i* of
/// the heap. All-zero is empty.
pub(crate) struct Node<D, const KEYS: usize> {
    /// First entry of this bucket, by each key.
    first: [Link; KEYS],
    /// Entry behind this one in its chain, by each key.
    next: [Link; KEYS],
    due: D,
    /// Entry at this place of the heap.
    waiting: u32,
    /// Place of this entry in the heap.
    place: Link,
}

impl<D: Deadline, const KEYS: usize> Node<D, KEYS> {
    pub(crate) const EMPTY: Self = Self {
        first: [Link::NONE; KEYS],
        next: [Link::NONE; KEYS],
        due: D::ZERO,
        waiting: 0,
        place: Link::NONE,
    };
}

/// Chained hash indexes by `KEYS` keys, the list of free entries, and a binary heap of deadlines.
///
/// There are as many buckets as entries. A free entry is in no chain, so its first link serves the
/// free list.
pub(crate) struct Nodes<'s, D, const KEYS: usize> {
    nodes: Column<'s, Node<D, KEYS>>,
    free: Link,
    /// Entries in the heap.
    waiting: usize,
}

impl<'s, D: Deadline, const KEYS: usize> Nodes<'s, D, KEYS> {
    pub(crate) fn new(nodes: Column<'s, Node<D, KEYS>>) -> Self {
        Self {
            nodes,
            free: Link::NONE,
            waiting: 0,
        }
    }

    /// Empties everything; the first `usable` entries become free, the lowest first in line.
    pub(crate) fn reset(&mut self, usable: usize) {
        self.nodes.fill_with(|| Node::EMPTY);
        self.free = Link::NONE;
        self.waiting = 0;
        for id in (0..usable.min(self.nodes.len())).rev() {
            self.give_back(id);
        }
    }

    pub(crate) fn take_free(&mut self) -> Option<usize> {
        let id = self.free.get()?;
        self.free = self.next(0, id);
        self.set_next(0, id, Link::NONE);
        Some(id)
    }

    /// Frees an entry that is in no chain any more.
    pub(crate) fn give_back(&mut self, id: usize) {
        self.set_next(0, id, self.free);
        self.free = Link::to(id);
    }

    pub(crate) fn insert(&mut self, key: usize, hash: u64, id: usize) {
        let first = self.first(key, hash);
        self.set_next(key, id, first);
        self.set_first(key, hash, Link::to(id));
    }

    pub(crate) fn remove(&mut self, key: usize, hash: u64, id: usize) {
        let after = self.next(key, id);
        if self.first(key, hash).get() == Some(id) {
            self.set_first(key, hash, after);
        } else {
            let before = self
                .candidates(key, hash)
                .find(|&other| self.next(key, other).get() == Some(id));
            let Some(before) = before else { return };
            self.set_next(key, before, after);
        }
        self.set_next(key, id, Link::NONE);
    }

    /// Entries that may have the key behind `hash`; the caller compares the key itself.
    pub(crate) fn candidates(&self, key: usize, hash: u64) -> impl Iterator<Item = usize> + '_ {
        let first = self.first(key, hash);
        core::iter::successors(first.get(), move |&id| self.next(key, id).get())
    }

    fn first(&self, key: usize, hash: u64) -> Link {
        let bucket = self.nodes.get(self.bucket(hash));
        let first = bucket.and_then(|node| node.first.get(key));
        first.copied().unwrap_or(Link::NONE)
    }

    fn set_first(&mut self, key: usize, hash: u64, link: Link) {
        let bucket = self.bucket(hash);
        let node = self.nodes.get_mut(bucket);
        if let Some(first) = node.and_then(|node| node.first.get_mut(key)) {
            *first = link;
        }
    }

    fn bucket(&self, hash: u64) -> usize {
        scale(hash >> 32, self.nodes.len())
    }

    fn next(&self, key: usize, id: usize) -> Link {
        let next = self.nodes.get(id).and_then(|node| node.next.get(key));
        next.copied().unwrap_or(Link::NONE)
    }

    fn set_next(&mut self, key: usize, id: usize, link: Link) {
        let node = self.nodes.get_mut(id);
        if let Some(next) = node.and_then(|node| node.next.get_mut(key)) {
            *next = link;
        }
    }
}

/// Deadlines. Moving one later does not touch the heap: whoever handles a due entry looks at its
/// real deadline and sets it again. So a packet never costs a heap operation, and a wake-up can
/// come early but never late.
impl<D: Deadline, const KEYS: usize> Nodes<'_, D, KEYS> {
    /// The earliest deadline and its entry.
    pub(crate) fn first_due(&self) -> Option<(D, usize)> {
        let id = self.waiting_at(0)?;
        Some((self.nodes.get(id)?.due, id))
    }

    /// Sets when `id` is due, whether or not it was set before.
    pub(crate) fn set_due(&mut self, id: usize, at: D) {
        let Some(node) = self.nodes.get_mut(id) else {
            return;
        };
        node.due = at;
        let place = node.place.get().unwrap_or_else(|| {
            let last = self.waiting;
            self.waiting = last.saturating_add(1);
            last
        });
        self.settle(place, id);
    }

    /// Takes the deadline of `id` back, if it has one.
    pub(crate) fn cancel_due(&mut self, id: usize) {
        let Some(node) = self.nodes.get_mut(id) else {
            return;
        };
        let Some(place) = core::mem::replace(&mut node.place, Link::NONE).get() else {
            return;
        };
        self.waiting = self.waiting.saturating_sub(1);
        // The last entry fills the gap, unless it was the gap.
        let last = self
            .nodes
            .get(self.waiting)
            .map(|node| node.waiting as usize);
        if let Some(last) = last.filter(|&last| last != id) {
            self.settle(place, last);
        }
    }

    /// Puts `id` where it belongs, up or down from `place`.
    fn settle(&mut self, mut place: usize, id: usize) {
        while let Some(parent) = place.checked_sub(1).map(|above| above / 2) {
            let Some(other) = self.waiting_at(parent) else {
                break;
            };
            if self.due(other) <= self.due(id) {
                break;
            }
            self.put(place, other);
            place = parent;
        }
        loop {
            let left = place.saturating_mul(2).saturating_add(1);
            let sooner = [left, left.saturating_add(1)]
                .into_iter()
                .filter_map(|child| {
                    let other = self.waiting_at(child)?;
                    Some((self.due(other)?, child, other))
                })
                .min();
            match sooner {
                Some((due, child, other)) if Some(due) < self.due(id) => {
                    self.put(place, other);
                    place = child;
                }
                _ => break,
            }
        }
        self.put(place, id);
    }

    fn waiting_at(&self, place: usize) -> Option<usize> {
        let node = self.nodes.get(..self.waiting)?.get(place)?;
        Some(node.waiting as usize)
    }

    fn due(&self, id: usize) -> Option<D> {
        self.nodes.get(id).map(|node| node.due)
    }

    fn put(&mut self, place: usize, id: usize) {
        if let Some(node) = self.nodes.get_mut(place) {
            node.waiting = u32::try_from(id).unwrap_or(u32::MAX);
        }
        if let Some(node) = self.nodes.get_mut(id) {
            node.place = Link::to(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::time::Local;

    proptest! {
        /// Against a map that is searched from end to end.
        #[test]
        fn the_earliest_deadline_comes_first(
            steps in prop::collection::vec((0usize..24, prop::option::of(0u64..50)), 1..200),
        ) {
            let mut column = [const { Node::<Local, 1>::EMPTY }; 24];
            let mut nodes = Nodes::new(Column::Borrowed(&mut column));
            let mut model = BTreeMap::new();
            for (id, due) in steps {
                match due {
                    Some(due) => {
                        nodes.set_due(id, Local(due));
                        model.insert(id, Local(due));
                    }
                    None => {
                        nodes.cancel_due(id);
                        model.remove(&id);
                    }
                }
                let first = nodes.first_due();
                prop_assert_eq!(first.map(|(due, _)| due), model.values().min().copied());
                if let Some((due, id)) = first {
                    prop_assert_eq!(model.get(&id), Some(&due));
                }
            }
        }

        /// Against a map, by two keys at once; four hashes to a bucket make long chains.
        #[test]
        fn an_entry_is_found_by_each_key_it_was_inserted_with(
            steps in prop::collection::vec((0u64..12, any::<bool>()), 1..200),
        ) {
            let mut column = [const { Node::<Local, 2>::EMPTY }; 8];
            let mut nodes = Nodes::new(Column::Borrowed(&mut column));
            nodes.reset(6);
            let hash = |key: u64| (key / 4) << 62;
            let mut model = BTreeMap::new();
            for (key, joins) in steps {
                if !joins {
                    if let Some(id) = model.remove(&key) {
                        nodes.remove(0, hash(key), id);
                        nodes.remove(1, !hash(key), id);
                        nodes.give_back(id);
                    }
                } else if !model.contains_key(&key) {
                    let free = nodes.take_free();
                    prop_assert_eq!(free.is_some(), model.len() < 6);
                    if let Some(id) = free {
                        nodes.insert(0, hash(key), id);
                        nodes.insert(1, !hash(key), id);
                        model.insert(key, id);
                    }
                }
                for key in 0..12 {
                    let id = model.get(&key);
                    let by_first = nodes.candidates(0, hash(key)).any(|found| Some(&found) == id);
                    let by_second = nodes.candidates(1, !hash(key)).any(|found| Some(&found) == id);
                    prop_assert_eq!((by_first, by_second), (id.is_some(), id.is_some()));
                }
            }
        }
    }
}
