//! Token history: connect tokens presented to this server and not yet expired.
//!
//! A token is *pending* from its first request: only the same address may continue with it. It is
//! *consumed* once its session has a slot, and is then never accepted again, from any address. An
//! entry lives until its token expires. A history full of valid tokens rejects new ones; it never
//! evicts one.

use super::hash::HashKey;
use super::peer::Peer;
use super::session::Session;
use super::table::{Entry, Hashes, KeyedTable, TableStorage};
use crate::crypto::Mac;
use crate::drop_reason::Dropped;
use crate::identity::ClientId;
use crate::time::UnixTime;

/// Storage of `N` tokens. The tally counts the tokens of each host and client id.
pub(crate) type HistoryStorage<const N: usize> = TableStorage<UsedToken, N, 1, 1>;

/// Token that was presented, identified by the MAC of its private part.
pub(crate) struct UsedToken {
    client_id: ClientId,
    mac: Mac,
    peer: Peer,
    consumed: bool,
}

impl UsedToken {
    pub(crate) fn pending(mac: Mac, session: &Session) -> Self {
        Self {
            client_id: session.client_id,
            mac,
            peer: session.peer,
            consumed: false,
        }
    }
}

impl Entry<1> for UsedToken {
    type Deadline = UnixTime;

    const EMPTY: Self = Self {
        client_id: ClientId(0),
        mac: Mac::EMPTY,
        peer: Peer::NONE,
        consumed: false,
    };

    fn hashes(&self, hash_key: HashKey) -> Hashes<1> {
        Hashes {
            keys: [Some(hash_key.hash(&self.mac.0))],
            sources: Some([
                self.peer.hash_host(hash_key),
                hash_key.hash_id(self.client_id),
            ]),
        }
    }
}

/// Token history of one server.
pub(crate) type History<'s> = KeyedTable<'s, UsedToken, 1, 1>;

impl History<'_> {
    fn find_token(&self, mac: &Mac, mac_hash: u64) -> Option<usize> {
        let [by_mac] = &self.indexes;
        self.find(by_mac, mac_hash, |token| token.mac == *mac)
            .next()
    }

    /// Checks that a token with this MAC may be used from `peer`; returns `true` if it is known
    /// already. The check needs no key and comes before the token is opened: a forged MAC affects
    /// only its sender.
    pub(crate) fn check(&self, mac: &Mac, mac_hash: u64, peer: &Peer) -> Result<bool, Dropped> {
        match self.find_token(mac, mac_hash).and_then(|id| self.get(id)) {
            Some(token) if token.consumed => Err(Dropped::TokenConsumed),
            Some(token) if token.peer != *peer => Err(Dropped::TokenElsewhere),
            known => Ok(known.is_some()),
        }
    }

    /// Records an authentic token that is not known yet as pending.
    pub(crate) fn admit(
        &mut self,
        token: UsedToken,
        expires: UnixTime,
        hashes: &Hashes<1>,
    ) -> Result<(), Dropped> {
        let id = self.insert(token, hashes).ok_or(Dropped::HistoryFull)?;
        self.set_due(id, expires);
        Ok(())
    }

    /// Marks a token as consumed. A token that is not in the history has expired since, and is
    /// rejected for that.
    pub(crate) fn consume(&mut self, mac: &Mac) {
        let mac_hash = self.hash_key.hash(&mac.0);
        let id = self.find_token(mac, mac_hash);
        if let Some(token) = id.and_then(|id| self.get_mut(id)) {
            token.consumed = true;
        }
    }
}
