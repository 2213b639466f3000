//! The token history: which tokens were shown to this server and have not expired.
//!
//! A token is *pending* from its first request on: the same address may go on with it, no other
//! may start. It is *consumed* once its session has a slot: it then admits nobody, from anywhere,
//! ever. An entry lives until its token expires. A history full of live tokens refuses new ones;
//! it never forgets one.

use core::net::SocketAddr;

use super::index::{HashKey, Index};
use super::peer::Peer;
use super::share::{Counters, Source, Tally};
use super::storage::{IndexTables, Table, TimerTables};
use super::timers::Timers;
use crate::crypto::Mac;
use crate::drop_reason::Dropped;
use crate::identity::ClientId;
use crate::time::UnixTime;

/// A token that was shown, known by the MAC of its private part.
pub(crate) struct UsedToken {
    client_id: ClientId,
    mac: Mac,
    peer: Peer,
    consumed: bool,
}

impl UsedToken {
    pub(crate) const EMPTY: Self = Self {
        client_id: ClientId(0),
        mac: Mac::EMPTY,
        peer: Peer::NONE,
        consumed: false,
    };
}

pub(crate) struct History<'s> {
    tokens: Table<'s, UsedToken>,
    by_mac: Index<'s>,
    timers: Timers<'s>,
    /// Tokens of each host and of each client id.
    pub(crate) shares: Tally<'s>,
    hash_key: HashKey,
    count: usize,
}

impl<'s> History<'s> {
    pub(crate) fn new(
        tokens: Table<'s, UsedToken>,
        by_mac: IndexTables<'s>,
        timers: TimerTables<'s>,
        shares: Table<'s, Counters>,
    ) -> Self {
        Self {
            tokens,
            by_mac: Index::new(by_mac),
            timers: Timers::new(timers),
            shares: Tally::new(shares),
            hash_key: HashKey(0, 0),
            count: 0,
        }
    }

    pub(crate) fn reset(&mut self, hash_key: HashKey) {
        for token in self.tokens.iter_mut() {
            *token = UsedToken::EMPTY;
        }
        self.by_mac.reset(self.tokens.len());
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

    fn find(&self, mac: &Mac) -> Option<usize> {
        let mut found = self.by_mac.candidates(self.hash_key.hash(&mac.0));
        found.find(|&id| self.tokens.get(id).is_some_and(|token| token.mac == *mac))
    }

    /// Whether a token with this MAC may be used from `from`, and whether it is known already.
    /// Needs no key, so it is asked before the token is opened: a forged MAC refuses nobody but
    /// its sender.
    pub(crate) fn check(&self, mac: &Mac, from: &SocketAddr) -> Result<bool, Dropped> {
        match self.find(mac).and_then(|id| self.tokens.get(id)) {
            Some(token) if token.consumed => Err(Dropped::TokenConsumed),
            Some(token) if token.peer != Peer::new(from) => Err(Dropped::TokenElsewhere),
            known => Ok(known.is_some()),
        }
    }

    /// Records an authentic token as pending, if it is not known yet.
    pub(crate) fn admit(
        &mut self,
        mac: Mac,
        client_id: ClientId,
        from: &SocketAddr,
        expires: UnixTime,
    ) -> Result<(), Dropped> {
        if self.find(&mac).is_some() {
            return Ok(());
        }
        let id = self.by_mac.take_free().ok_or(Dropped::HistoryFull)?;
        self.by_mac.insert(self.hash_key.hash(&mac.0), id);
        self.timers.set(id, expires.as_secs());
        let peer = Peer::new(from);
        self.shares.add(Source::Host(&peer));
        self.shares.add(Source::Client(client_id));
        if let Some(token) = self.tokens.get_mut(id) {
            *token = UsedToken {
                client_id,
                mac,
                peer,
                consumed: false,
            };
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Marks a token as used up. One that is not known has expired meanwhile, and admits nobody
    /// for that reason.
    pub(crate) fn consume(&mut self, mac: &Mac) {
        if let Some(token) = self.find(mac).and_then(|id| self.tokens.get_mut(id)) {
            token.consumed = true;
        }
    }

    /// Forgets every token that has expired: nobody admits it any more.
    pub(crate) fn expire(&mut self, now: UnixTime) {
        while let Some((expires, id)) = self.timers.first() {
            if expires > now.as_secs() {
                break;
            }
            let Some(token) = self.tokens.get(id) else {
                break;
            };
            self.shares.remove(Source::Host(&token.peer));
            self.shares.remove(Source::Client(token.client_id));
            self.by_mac.remove(self.hash_key.hash(&token.mac.0), id);
            self.by_mac.give_back(id);
            self.timers.cancel(id);
            self.count = self.count.saturating_sub(1);
        }
    }
}
