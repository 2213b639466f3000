//! Where a server keeps its tables: a size chosen once, a place chosen by the caller.

use core::ops::{Deref, DerefMut};

use super::half_open::HalfOpen;
use super::history::UsedToken;
use super::index::Link;
use super::share::Counters;
use super::slots::Slot;

/// A table of fixed size, borrowed or on the heap.
///
/// Code that uses it is compiled once, whatever the capacity is.
pub(crate) enum Table<'s, T> {
    Borrowed(&'s mut [T]),
    #[cfg(feature = "alloc")]
    Owned(alloc::boxed::Box<[T]>),
}

impl<T> Deref for Table<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Borrowed(table) => table,
            #[cfg(feature = "alloc")]
            Self::Owned(table) => table,
        }
    }
}

impl<T> DerefMut for Table<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Borrowed(table) => table,
            #[cfg(feature = "alloc")]
            Self::Owned(table) => table,
        }
    }
}

/// The arrays of one hash index.
struct IndexArrays<const N: usize> {
    buckets: [Link; N],
    links: [Link; N],
}

impl<const N: usize> IndexArrays<N> {
    const EMPTY: Self = Self {
        buckets: [Link::NONE; N],
        links: [Link::NONE; N],
    };

    fn tables(&mut self) -> IndexTables<'_> {
        IndexTables {
            buckets: Table::Borrowed(&mut self.buckets),
            links: Table::Borrowed(&mut self.links),
        }
    }
}

/// The arrays of one timer queue.
struct TimerArrays<const N: usize> {
    at: [u64; N],
    heap: [u32; N],
    position: [Link; N],
}

impl<const N: usize> TimerArrays<N> {
    const EMPTY: Self = Self {
        at: [0; N],
        heap: [0; N],
        position: [Link::NONE; N],
    };

    fn tables(&mut self) -> TimerTables<'_> {
        TimerTables {
            at: Table::Borrowed(&mut self.at),
            heap: Table::Borrowed(&mut self.heap),
            position: Table::Borrowed(&mut self.position),
        }
    }
}

pub(crate) struct IndexTables<'s> {
    pub(crate) buckets: Table<'s, Link>,
    pub(crate) links: Table<'s, Link>,
}

pub(crate) struct TimerTables<'s> {
    pub(crate) at: Table<'s, u64>,
    pub(crate) heap: Table<'s, u32>,
    pub(crate) position: Table<'s, Link>,
}

/// Storage of a server that lives where the caller puts it: `SLOTS` clients, `HALF_OPEN`
/// handshakes under way, `TOKENS` used tokens that have not expired.
///
/// `const`-constructible and all zeros: in a `static` it costs neither stack nor flash. For the
/// history, eight tokens a slot is what the reference uses.
///
/// ```
/// use std::sync::Mutex;
///
/// use netcode_core::server::StaticStorage;
///
/// // On a microcontroller, `static_cell::ConstStaticCell` does what the mutex does here.
/// static STORAGE: Mutex<StaticStorage<4, 8, 32>> = Mutex::new(StaticStorage::new());
///
/// let mut storage = STORAGE.lock().unwrap();
/// let tables = storage.tables();
/// ```
pub struct StaticStorage<const SLOTS: usize, const HALF_OPEN: usize, const TOKENS: usize> {
    slots: [Slot; SLOTS],
    slots_by_address: IndexArrays<SLOTS>,
    slots_by_id: IndexArrays<SLOTS>,
    slot_timers: TimerArrays<SLOTS>,
    half_open: [HalfOpen; HALF_OPEN],
    half_open_by_address: IndexArrays<HALF_OPEN>,
    half_open_timers: TimerArrays<HALF_OPEN>,
    half_open_shares: [Counters; HALF_OPEN],
    opens_by_host: [Counters; HALF_OPEN],
    tokens: [UsedToken; TOKENS],
    tokens_by_mac: IndexArrays<TOKENS>,
    token_timers: TimerArrays<TOKENS>,
    token_shares: [Counters; TOKENS],
}

impl<const SLOTS: usize, const HALF_OPEN: usize, const TOKENS: usize>
    StaticStorage<SLOTS, HALF_OPEN, TOKENS>
{
    /// Empty storage.
    pub const fn new() -> Self {
        Self {
            slots: [const { Slot::EMPTY }; SLOTS],
            slots_by_address: IndexArrays::EMPTY,
            slots_by_id: IndexArrays::EMPTY,
            slot_timers: TimerArrays::EMPTY,
            half_open: [const { HalfOpen::EMPTY }; HALF_OPEN],
            half_open_by_address: IndexArrays::EMPTY,
            half_open_timers: TimerArrays::EMPTY,
            half_open_shares: [[0; 2]; HALF_OPEN],
            opens_by_host: [[0; 2]; HALF_OPEN],
            tokens: [const { UsedToken::EMPTY }; TOKENS],
            tokens_by_mac: IndexArrays::EMPTY,
            token_timers: TimerArrays::EMPTY,
            token_shares: [[0; 2]; TOKENS],
        }
    }

    /// The tables, for [`Server::new`](super::Server::new), which empties them first.
    pub fn tables(&mut self) -> Storage<'_> {
        Storage {
            slots: Table::Borrowed(&mut self.slots),
            slots_by_address: self.slots_by_address.tables(),
            slots_by_id: self.slots_by_id.tables(),
            slot_timers: self.slot_timers.tables(),
            half_open: Table::Borrowed(&mut self.half_open),
            half_open_by_address: self.half_open_by_address.tables(),
            half_open_timers: self.half_open_timers.tables(),
            half_open_shares: Table::Borrowed(&mut self.half_open_shares),
            opens_by_host: Table::Borrowed(&mut self.opens_by_host),
            tokens: Table::Borrowed(&mut self.tokens),
            tokens_by_mac: self.tokens_by_mac.tables(),
            token_timers: self.token_timers.tables(),
            token_shares: Table::Borrowed(&mut self.token_shares),
        }
    }
}

impl<const SLOTS: usize, const HALF_OPEN: usize, const TOKENS: usize> Default
    for StaticStorage<SLOTS, HALF_OPEN, TOKENS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The tables of one server: borrowed from a [`StaticStorage`], or on the heap.
pub struct Storage<'s> {
    pub(crate) slots: Table<'s, Slot>,
    pub(crate) slots_by_address: IndexTables<'s>,
    pub(crate) slots_by_id: IndexTables<'s>,
    pub(crate) slot_timers: TimerTables<'s>,
    pub(crate) half_open: Table<'s, HalfOpen>,
    pub(crate) half_open_by_address: IndexTables<'s>,
    pub(crate) half_open_timers: TimerTables<'s>,
    pub(crate) half_open_shares: Table<'s, Counters>,
    pub(crate) opens_by_host: Table<'s, Counters>,
    pub(crate) tokens: Table<'s, UsedToken>,
    pub(crate) tokens_by_mac: IndexTables<'s>,
    pub(crate) token_timers: TimerTables<'s>,
    pub(crate) token_shares: Table<'s, Counters>,
}

#[cfg(feature = "alloc")]
mod heap {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use super::{HalfOpen, IndexTables, Link, Slot, Storage, Table, TimerTables, UsedToken};

    /// How much a heap-backed server can hold.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capacity {
        /// Client slots.
        pub clients: usize,
        /// Handshakes under way.
        pub half_open: usize,
        /// Used tokens that have not expired.
        pub tokens: usize,
    }

    impl Capacity {
        /// Room for `clients` with the usual proportions: two handshakes a slot, at least 64;
        /// eight tokens a slot, at least 256.
        pub const fn for_clients(clients: usize) -> Self {
            let half_open = clients.saturating_mul(2);
            let tokens = clients.saturating_mul(8);
            Self {
                clients,
                half_open: if half_open < 64 { 64 } else { half_open },
                tokens: if tokens < 256 { 256 } else { tokens },
            }
        }
    }

    fn table<T>(len: usize, empty: impl Fn() -> T) -> Table<'static, T> {
        let entries: Vec<T> = (0..len).map(|_| empty()).collect();
        Table::Owned(Box::from(entries))
    }

    fn index(len: usize) -> IndexTables<'static> {
        IndexTables {
            buckets: table(len, || Link::NONE),
            links: table(len, || Link::NONE),
        }
    }

    fn timers(len: usize) -> TimerTables<'static> {
        TimerTables {
            at: table(len, || 0),
            heap: table(len, || 0),
            position: table(len, || Link::NONE),
        }
    }

    impl Storage<'static> {
        /// Tables on the heap, allocated now and never again.
        pub fn heap(capacity: Capacity) -> Self {
            let Capacity {
                clients,
                half_open,
                tokens,
            } = capacity;
            Self {
                slots: table(clients, || Slot::EMPTY),
                slots_by_address: index(clients),
                slots_by_id: index(clients),
                slot_timers: timers(clients),
                half_open: table(half_open, || HalfOpen::EMPTY),
                half_open_by_address: index(half_open),
                half_open_timers: timers(half_open),
                half_open_shares: table(half_open, || [0; 2]),
                opens_by_host: table(half_open, || [0; 2]),
                tokens: table(tokens, || UsedToken::EMPTY),
                tokens_by_mac: index(tokens),
                token_timers: timers(tokens),
                token_shares: table(tokens, || [0; 2]),
            }
        }
    }
}

#[cfg(feature = "alloc")]
pub use heap::Capacity;

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;
    use crate::crypto::{Key, Mac, SessionKeys};
    use crate::identity::{ClientId, Timeout, UserData};
    use crate::server::half_open::HalfOpens;
    use crate::server::index::HashKey;
    use crate::server::peer::Peer;
    use crate::server::slots::{Joining, Slots};
    use crate::time::Local;

    #[test]
    fn tables_keep_no_key_when_their_server_is_dropped() {
        let from: SocketAddr = "10.0.0.2:50000".parse().unwrap();
        let keys = SessionKeys {
            client_to_server: Key::from_bytes([1; 32]),
            server_to_client: Key::from_bytes([2; 32]),
        };
        let mut storage = StaticStorage::<1, 1, 1>::new();
        let tables = storage.tables();
        let mut slots = Slots::new(
            tables.slots,
            tables.slots_by_address,
            tables.slots_by_id,
            tables.slot_timers,
        );
        slots.reset(1, HashKey(0, 0));
        let joining = Joining {
            peer: Peer::new(&from),
            client_id: ClientId(1),
            keys: keys.clone(),
            timeout: Timeout::NEVER,
            user_data: &[3; 256],
            sequence: 0,
            now: Local::ZERO,
        };
        assert_eq!(slots.join(joining), Some(0));
        let mut half_open = HalfOpens::new(
            tables.half_open,
            tables.half_open_by_address,
            tables.half_open_timers,
            tables.half_open_shares,
        );
        half_open.reset(HashKey(0, 0));
        let entry = HalfOpen::new(
            &from,
            Mac([4; 16]),
            keys,
            ClientId(2),
            Timeout::NEVER,
            false,
        );
        let admitted = half_open.admit(&from, entry, Local::ZERO, Local::ZERO);
        assert_eq!(admitted, Ok(0));
        drop((slots, half_open));
        assert_eq!(storage.slots[0].keys, SessionKeys::EMPTY);
        assert_eq!(storage.slots[0].user_data, UserData::ZERO);
        assert_eq!(storage.half_open[0].keys, SessionKeys::EMPTY);
    }
}
