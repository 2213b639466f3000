//! Storage of a server's tables, with a capacity chosen once.

use core::fmt;

use super::half_open::{HalfOpenStorage, HalfOpens};
use super::history::{History, HistoryStorage};
use super::slots::{SlotStorage, SlotTable};
#[cfg(feature = "alloc")]
use super::table::KeyedTable;

/// Server storage owned by the caller: `SLOTS` client slots, `HALF_OPEN` half-open connections and
/// `TOKENS` entries of the token history.
///
/// `const`-constructible and all zeros: in a `static` it takes neither stack nor flash. The
/// reference implementation has eight token entries per slot.
///
/// ```
/// use std::sync::Mutex;
///
/// use netcode_core::server::StaticStorage;
///
/// // On a microcontroller, use `static_cell::ConstStaticCell` in place of the mutex.
/// static STORAGE: Mutex<StaticStorage<4, 8, 32>> = Mutex::new(StaticStorage::new());
///
/// let mut storage = STORAGE.lock().unwrap();
/// let tables = storage.tables();
/// ```
pub struct StaticStorage<const SLOTS: usize, const HALF_OPEN: usize, const TOKENS: usize> {
    slots: SlotStorage<SLOTS>,
    half_open: HalfOpenStorage<HALF_OPEN>,
    tokens: HistoryStorage<TOKENS>,
}

impl<const SLOTS: usize, const HALF_OPEN: usize, const TOKENS: usize>
    StaticStorage<SLOTS, HALF_OPEN, TOKENS>
{
    /// Empty storage.
    pub const fn new() -> Self {
        Self {
            slots: SlotStorage::EMPTY,
            half_open: HalfOpenStorage::EMPTY,
            tokens: HistoryStorage::EMPTY,
        }
    }

    /// Tables for [`Server::new`](super::Server::new), which clears them.
    pub fn tables(&mut self) -> Storage<'_> {
        Storage {
            slots: self.slots.table(),
            half_open: self.half_open.table(),
            tokens: self.tokens.table(),
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

/// Tables of one server, borrowed from a [`StaticStorage`] or on the heap.
pub struct Storage<'s> {
    pub(crate) slots: SlotTable<'s>,
    pub(crate) half_open: HalfOpens<'s>,
    pub(crate) tokens: History<'s>,
}

/// Capacity of a server with tables on the heap.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Client slots.
    pub clients: usize,
    /// Half-open connections.
    pub half_open: usize,
    /// Entries of the token history: tokens presented and not yet expired.
    pub tokens: usize,
}

#[cfg(feature = "alloc")]
impl Capacity {
    /// Capacity for `clients` with default proportions: two half-open connections per slot, at
    /// least 64; eight tokens per slot, at least 256.
    pub const fn for_clients(clients: u32) -> Self {
        let clients = clients as usize;
        let half_open = clients.saturating_mul(2);
        let tokens = clients.saturating_mul(8);
        Self {
            clients,
            half_open: if half_open < 64 { 64 } else { half_open },
            tokens: if tokens < 256 { 256 } else { tokens },
        }
    }
}

// Table entries are secret: only the sizes are printed.
impl fmt::Debug for Storage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("clients", &self.slots.entries.len())
            .field("half_open", &self.half_open.entries.len())
            .field("tokens", &self.tokens.entries.len())
            .finish()
    }
}

impl<const SLOTS: usize, const HALF_OPEN: usize, const TOKENS: usize> fmt::Debug
    for StaticStorage<SLOTS, HALF_OPEN, TOKENS>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticStorage")
            .field("clients", &SLOTS)
            .field("half_open", &HALF_OPEN)
            .field("tokens", &TOKENS)
            .finish()
    }
}

#[cfg(feature = "alloc")]
impl Storage<'static> {
    /// Allocates the tables on the heap, once.
    pub fn heap(capacity: Capacity) -> Self {
        Self {
            slots: KeyedTable::heap(capacity.clients),
            half_open: KeyedTable::heap(capacity.half_open),
            tokens: KeyedTable::heap(capacity.tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::crypto::{Mac, SessionKeys};
    use crate::identity::UserData;
    use crate::server::half_open::HalfOpen;
    use crate::server::hash::HashKey;
    use crate::server::history::UsedToken;
    use crate::server::peer::{Peer, Source};
    use crate::server::session::Session;
    use crate::server::slot::Slot;
    use crate::server::slots::Slots;
    use crate::server::table::Entry;
    use crate::time::{Local, UnixTime};

    #[test]
    fn tables_keep_no_key_of_a_removed_entry_and_nothing_when_their_server_is_dropped() {
        let source = Source::new("10.0.0.2:50000".parse().unwrap(), HashKey::NONE);
        let session = Session {
            keys: SessionKeys::generate(&mut StdRng::seed_from_u64(1)),
            peer: source.peer,
            ..Session::EMPTY
        };
        let mut storage = StaticStorage::<1, 1, 1>::new();
        let Storage {
            slots,
            mut half_open,
            mut tokens,
        } = storage.tables();
        let mut slots = Slots::new(slots);
        slots.reset(1, HashKey::NONE);
        let slot = Slot::new(session.clone(), &[3; 256], 0, Local::ZERO);
        assert_eq!(slots.join(slot, &source), Some(0));
        half_open.reset(1, HashKey::NONE);
        let entry = HalfOpen::new(session.clone(), Mac([4; 16]), Local::ZERO);
        let hashes_of_entry = entry.hashes(HashKey::NONE);
        assert_eq!(half_open.admit(&source, entry, &hashes_of_entry), Ok(0));
        tokens.reset(1, HashKey::NONE);
        let token = UsedToken::pending(Mac([4; 16]), &session);
        let hashes = token.hashes(HashKey::NONE);
        let expires = UnixTime::from_secs(1);
        assert_eq!(tokens.admit(token, expires, &hashes), Ok(()));
        half_open.remove(0);
        assert_eq!(half_open.entries[0].session.keys, SessionKeys::EMPTY);
        let entry = HalfOpen::new(session.clone(), Mac([4; 16]), Local::ZERO);
        assert_eq!(half_open.admit(&source, entry, &hashes_of_entry), Ok(0));
        drop((slots, half_open, tokens));
        assert_eq!(storage.slots.entries()[0].session.keys, SessionKeys::EMPTY);
        assert_eq!(storage.slots.entries()[0].user_data, UserData::ZERO);
        assert_eq!(
            storage.half_open.entries()[0].session.keys,
            SessionKeys::EMPTY
        );
        assert!(storage.half_open.entries()[0].session.peer == Peer::NONE);
        let [token] = storage.tokens.entries() else {
            panic!("one token was recorded");
        };
        let [held, empty] = [token, &UsedToken::EMPTY].map(|token| token.hashes(HashKey::NONE));
        assert_eq!((held.keys, held.sources), (empty.keys, empty.sources));
    }
}
