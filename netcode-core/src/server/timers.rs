//! Which entry of a table is due next: a binary heap over entry numbers, in fixed room.
//!
//! Moving a deadline later does not touch the heap: whoever handles a due entry looks at its real
//! deadline and sets it again. So a packet never costs a heap operation, and a wake-up can come
//! early but never late.

use super::index::Link;
use super::storage::{Table, TimerTables};

pub(crate) struct Timers<'s> {
    at: Table<'s, u64>,
    heap: Table<'s, u32>,
    position: Table<'s, Link>,
    len: usize,
}

impl<'s> Timers<'s> {
    pub(crate) fn new(tables: TimerTables<'s>) -> Self {
        Self {
            at: tables.at,
            heap: tables.heap,
            position: tables.position,
            len: 0,
        }
    }

    pub(crate) fn reset(&mut self) {
        self.position.fill(Link::NONE);
        self.len = 0;
    }

    /// The earliest entry and when it is due.
    pub(crate) fn first(&self) -> Option<(u64, usize)> {
        let id = self.entry(0)?;
        Some((self.due(id), id))
    }

    /// Sets when `id` is due, whether or not it was set before.
    pub(crate) fn set(&mut self, id: usize, at: u64) {
        let Some(place) = self.at.get_mut(id) else {
            return;
        };
        *place = at;
        let position = match self.position(id) {
            Some(position) => position,
            None => {
                let last = self.len;
                self.len = last.saturating_add(1);
                self.put(last, id);
                last
            }
        };
        let position = self.rise(position, id);
        self.sink(position, id);
    }

    /// Takes `id` out, if it is in.
    pub(crate) fn cancel(&mut self, id: usize) {
        let Some(position) = self.position(id) else {
            return;
        };
        if let Some(place) = self.position.get_mut(id) {
            *place = Link::NONE;
        }
        self.len = self.len.saturating_sub(1);
        // The last entry fills the gap, unless it was the gap.
        let last = self.heap.get(self.len).map_or(id, |&last| last as usize);
        if last != id {
            self.put(position, last);
            let position = self.rise(position, last);
            self.sink(position, last);
        }
    }

    fn rise(&mut self, mut position: usize, id: usize) -> usize {
        while let Some(parent) = position.checked_sub(1).map(|above| above / 2) {
            let Some(other) = self.entry(parent) else {
                break;
            };
            if self.due(other) <= self.due(id) {
                break;
            }
            self.put(position, other);
            position = parent;
        }
        self.put(position, id);
        position
    }

    fn sink(&mut self, mut position: usize, id: usize) {
        loop {
            let left = position.saturating_mul(2).saturating_add(1);
            let children = [left, left.saturating_add(1)];
            let smaller = children
                .into_iter()
                .filter_map(|child| {
                    self.entry(child)
                        .map(|other| (self.due(other), child, other))
                })
                .min();
            match smaller {
                Some((due, child, other)) if due < self.due(id) => {
                    self.put(position, other);
                    position = child;
                }
                _ => break,
            }
        }
        self.put(position, id);
    }

    fn entry(&self, position: usize) -> Option<usize> {
        if position >= self.len {
            return None;
        }
        self.heap.get(position).map(|&id| id as usize)
    }

    fn due(&self, id: usize) -> u64 {
        self.at.get(id).copied().unwrap_or(u64::MAX)
    }

    fn position(&self, id: usize) -> Option<usize> {
        self.position.get(id)?.get()
    }

    fn put(&mut self, position: usize, id: usize) {
        if let Some(place) = self.heap.get_mut(position) {
            *place = u32::try_from(id).unwrap_or(u32::MAX);
        }
        if let Some(place) = self.position.get_mut(id) {
            *place = Link::to(position);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a map that is searched from end to end.
        #[test]
        fn the_earliest_deadline_comes_first(
            steps in prop::collection::vec((0usize..24, prop::option::of(0u64..50)), 1..200),
        ) {
            let (mut at, mut heap, mut position) = ([0; 24], [0; 24], [Link::NONE; 24]);
            let mut timers = Timers::new(TimerTables {
                at: Table::Borrowed(&mut at),
                heap: Table::Borrowed(&mut heap),
                position: Table::Borrowed(&mut position),
            });
            let mut model = BTreeMap::new();
            for (id, due) in steps {
                match due {
                    Some(due) => {
                        timers.set(id, due);
                        model.insert(id, due);
                    }
                    None => {
                        timers.cancel(id);
                        model.remove(&id);
                    }
                }
                let first = timers.first();
                prop_assert_eq!(first.map(|(due, _)| due), model.values().min().copied());
                if let Some((due, id)) = first {
                    prop_assert_eq!(model.get(&id), Some(&due));
                }
            }
        }
    }
}
