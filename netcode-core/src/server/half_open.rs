//! Half-open connections: clients that showed a good token and have not answered the challenge.
//!
//! An entry is found by address *and* token, so that a second token sent from a forged address
//! cannot take the place of a victim's keys. There is a bounded number of entries, in all and for
//! each address, and each ends soon, whatever timeout its token asks for.

use core::net::SocketAddr;

use zeroize::Zeroize;

use super::index::{HashKey, Index};
use super::peer::Peer;
use super::share::{Counters, Source, Tally};
use super::storage::{IndexTables, Table, TimerTables};
use super::timers::Timers;
use crate::crypto::{Mac, SessionKeys};
use crate::drop_reason::Dropped;
use crate::identity::{ClientId, Timeout};
use crate::standard::CHALLENGE_PADDING_BYTES;
use crate::time::Local;
use crate::wire::Writer;

/// Tokens one address can have under way. A response from it may have to be tried under each.
const MAX_PER_ADDRESS: usize = 4;

pub(crate) struct HalfOpen {
    pub(crate) keys: SessionKeys,
    pub(crate) client_id: ClientId,
    /// When its first challenge left.
    pub(crate) challenged_at: Local,
    pub(crate) timeout: Timeout,
    pub(crate) mac: Mac,
    peer: Peer,
    /// Its token names other servers too.
    pub(crate) other_servers: bool,
}

impl HalfOpen {
    pub(crate) const EMPTY: Self = Self {
        keys: SessionKeys::EMPTY,
        client_id: ClientId(0),
        challenged_at: Local::ZERO,
        timeout: Timeout::from_secs(0),
        mac: Mac::EMPTY,
        peer: Peer::NONE,
        other_servers: false,
    };

    pub(crate) fn new(
        from: &SocketAddr,
        mac: Mac,
        keys: SessionKeys,
        client_id: ClientId,
        timeout: Timeout,
        other_servers: bool,
    ) -> Self {
        Self {
            keys,
            client_id,
            challenged_at: Local::ZERO,
            timeout,
            mac,
            peer: Peer::new(from),
            other_servers,
        }
    }

    /// Padding of the challenges that are made for this entry: the MAC of its connect token and
    /// the low half of the time it began. A challenge vouches for one token and one handshake; one
    /// that was made for another token of the same client, or for an earlier handshake from an
    /// address that has changed hands since, is not an answer to this one.
    pub(crate) fn challenge_padding(&self) -> [u8; CHALLENGE_PADDING_BYTES] {
        let mut padding = [0; CHALLENGE_PADDING_BYTES];
        let mut fields = Writer::new(&mut padding);
        // 16 and 4 bytes fill the padding.
        let _ = fields.put(&self.mac.0);
        let [b0, b1, b2, b3, ..] = self.challenged_at.0.to_le_bytes();
        let _ = fields.put(&[b0, b1, b2, b3]);
        padding
    }

    fn wipe(&mut self) {
        self.keys.zeroize();
        *self = Self::EMPTY;
    }
}

pub(crate) struct HalfOpens<'s> {
    entries: Table<'s, HalfOpen>,
    by_address: Index<'s>,
    pub(crate) timers: Timers<'s>,
    /// Entries of each host and of each client id.
    pub(crate) shares: Tally<'s>,
    hash_key: HashKey,
    count: usize,
}

impl<'s> HalfOpens<'s> {
    pub(crate) fn new(
        entries: Table<'s, HalfOpen>,
        by_address: IndexTables<'s>,
        timers: TimerTables<'s>,
        shares: Table<'s, Counters>,
    ) -> Self {
        Self {
            entries,
            by_address: Index::new(by_address),
            timers: Timers::new(timers),
            shares: Tally::new(shares),
            hash_key: HashKey(0, 0),
            count: 0,
        }
    }

    pub(crate) fn reset(&mut self, hash_key: HashKey) {
        self.entries.iter_mut().for_each(HalfOpen::wipe);
        self.by_address.reset(self.entries.len());
        self.timers.reset();
        self.shares.reset(hash_key);
        self.hash_key = hash_key;
        self.count = 0;
    }

    #[cfg(test)]
    pub(crate) fn hash(&self, bytes: &[u8]) -> u64 {
        self.hash_key.hash(bytes)
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn get(&self, id: usize) -> Option<&HalfOpen> {
        self.entries.get(id)
    }

    /// The entries of an address: at most [`MAX_PER_ADDRESS`].
    pub(crate) fn of_address(&self, from: &SocketAddr) -> impl Iterator<Item = usize> + '_ {
        let peer = Peer::new(from);
        let found = self
            .by_address
            .candidates(self.hash_key.hash(peer.as_bytes()));
        found.filter(move |&id| self.entries.get(id).is_some_and(|entry| entry.peer == peer))
    }

    /// The entry of an address and a token.
    pub(crate) fn find(&self, from: &SocketAddr, mac: &Mac) -> Option<usize> {
        self.of_address(from)
            .find(|&id| self.get(id).is_some_and(|entry| entry.mac == *mac))
    }

    /// Adds an entry, or renews the one of the same address and token. It ends at `until`.
    /// Returns its number.
    pub(crate) fn admit(
        &mut self,
        from: &SocketAddr,
        entry: HalfOpen,
        now: Local,
        until: Local,
    ) -> Result<usize, Dropped> {
        let (id, challenged_at) = match self.find(from, &entry.mac) {
            Some(id) => (id, self.get(id).map_or(now, |old| old.challenged_at)),
            None => {
                if self.of_address(from).count() >= MAX_PER_ADDRESS {
                    return Err(Dropped::HalfOpenFull);
                }
                let id = self.by_address.take_free().ok_or(Dropped::HalfOpenFull)?;
                self.by_address
                    .insert(self.hash_key.hash(entry.peer.as_bytes()), id);
                self.shares.add(Source::Host(&entry.peer));
                self.shares.add(Source::Client(entry.client_id));
                self.count = self.count.saturating_add(1);
                (id, now)
            }
        };
        let place = self.entries.get_mut(id).ok_or(Dropped::HalfOpenFull)?;
        *place = entry;
        place.challenged_at = challenged_at;
        self.timers.set(id, until.0);
        Ok(id)
    }

    pub(crate) fn release(&mut self, id: usize) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let hash = self.hash_key.hash(entry.peer.as_bytes());
        self.shares.remove(Source::Host(&entry.peer));
        self.shares.remove(Source::Client(entry.client_id));
        entry.wipe();
        self.by_address.remove(hash, id);
        self.by_address.give_back(id);
        self.timers.cancel(id);
        self.count = self.count.saturating_sub(1);
    }

    /// Releases every entry whose time is over.
    pub(crate) fn expire(&mut self, now: Local) {
        while let Some((due, id)) = self.timers.first() {
            if due > now.0 {
                break;
            }
            self.release(id);
        }
    }
}

// The table may be a static, which nothing drops.
impl Drop for HalfOpens<'_> {
    fn drop(&mut self) {
        self.entries.iter_mut().for_each(HalfOpen::wipe);
    }
}
