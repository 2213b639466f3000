//! Deadlines of a table's entries: a binary heap of entry numbers, in fixed memory.
//!
//! A deadline that moves later leaves the heap unchanged: the handler of a due entry checks its
//! actual deadline and sets it again. So packets cost no heap operation, and a wake-up may be early
//! but never late.

use super::column::Column;
use super::index::EntryId;

/// Row *i*: the deadline of entry *i*, and place *i* of the heap. All-zero is empty.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    due: u64,
    /// Place of this entry in the heap.
    place: EntryId,
    /// Entry at this place of the heap.
    id: u32,
}

impl Wait {
    pub(crate) const EMPTY: Self = Self {
        due: 0,
        place: EntryId::NONE,
        id: 0,
    };
}

/// Heap of deadlines in one unit, which the [table](super::table) defines.
pub(crate) struct Deadlines<'s> {
    waits: Column<'s, Wait>,
    /// Entries in the heap.
    waiting: usize,
}

impl<'s> Deadlines<'s> {
    pub(crate) fn new(waits: Column<'s, Wait>) -> Self {
        Self { waits, waiting: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.waits.fill(Wait::EMPTY);
        self.waiting = 0;
    }

    /// Earliest deadline and its entry.
    pub(crate) fn first(&self) -> Option<(u64, usize)> {
        let id = self.waiting_at(0)?;
        Some((self.waits.get(id)?.due, id))
    }

    /// Sets or changes the deadline of `id`.
    pub(crate) fn set(&mut self, id: usize, at: u64) {
        let Some(wait) = self.waits.get_mut(id) else {
            return;
        };
        wait.due = at;
        let place = wait.place.get().unwrap_or_else(|| {
            let last = self.waiting;
            self.waiting = last.saturating_add(1);
            last
        });
        self.settle(place, id);
    }

    /// Removes the deadline of `id`, if it has one.
    pub(crate) fn cancel(&mut self, id: usize) {
        let Some(wait) = self.waits.get_mut(id) else {
            return;
        };
        let Some(place) = core::mem::replace(&mut wait.place, EntryId::NONE).get() else {
            return;
        };
        self.waiting = self.waiting.saturating_sub(1);
        // The last entry fills the gap, unless it was removed itself.
        let last = self.waits.get(self.waiting).map(|wait| wait.id as usize);
        if let Some(last) = last.filter(|&last| last != id) {
            self.settle(place, last);
        }
    }

    /// Moves `id` up or down from `place` to its position in the heap.
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
        let wait = self.waits.get(..self.waiting)?.get(place)?;
        Some(wait.id as usize)
    }

    fn due(&self, id: usize) -> Option<u64> {
        self.waits.get(id).map(|wait| wait.due)
    }

    fn put(&mut self, place: usize, id: usize) {
        if let Some(wait) = self.waits.get_mut(place) {
            wait.id = u32::try_from(id).unwrap_or(u32::MAX);
        }
        if let Some(wait) = self.waits.get_mut(id) {
            wait.place = EntryId::to(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compared with a map that is searched completely.
        #[test]
        fn the_earliest_deadline_comes_first(
            steps in prop::collection::vec((0usize..24, prop::option::of(0u64..50)), 1..200),
        ) {
            let mut waits = [Wait::EMPTY; 24];
            let mut deadlines = Deadlines::new(Column::Borrowed(&mut waits));
            let mut model = BTreeMap::new();
            for (id, due) in steps {
                match due {
                    Some(due) => {
                        deadlines.set(id, due);
                        model.insert(id, due);
                    }
                    None => {
                        deadlines.cancel(id);
                        model.remove(&id);
                    }
                }
                let first = deadlines.first();
                prop_assert_eq!(first.map(|(due, _)| due), model.values().min().copied());
                if let Some((due, id)) = first {
                    prop_assert_eq!(model.get(&id), Some(&due));
                }
            }
        }
    }
}
