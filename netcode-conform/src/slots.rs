//! Slots of a server that checks share.

use std::sync::{Condvar, Mutex, PoisonError};

/// Slots of a server, of which each check holds some while it runs.
pub(crate) struct Slots {
    free: Mutex<usize>,
    all: usize,
    freed: Condvar,
}

impl Slots {
    pub(crate) fn new(all: usize) -> Self {
        let all = all.max(1);
        Self {
            free: Mutex::new(all),
            all,
            freed: Condvar::new(),
        }
    }

    /// Waits for so many slots; all, if there are not as many.
    pub(crate) fn take(&self, count: usize) -> Held<'_> {
        let count = count.min(self.all);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < count {
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= count;
        Held { slots: self, count }
    }
}

/// Slots that are held until this is dropped.
pub(crate) struct Held<'a> {
    slots: &'a Slots,
    count: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut free = self
            .slots
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *free += self.count;
        self.slots.freed.notify_all();
    }
}
