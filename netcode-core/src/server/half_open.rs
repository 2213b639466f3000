//! Half-open connections: clients that showed a good token and have not answered the challenge.
//!
//! An entry is found by address *and* token, so that a second token sent from a forged address
//! cannot take the place of a victim's keys. There is a bounded number of entries, in all and for
//! each address, and each ends soon, whatever timeout its token asks for.

use super::hash::HashKey;
use super::peer::Source;
use super::session::Session;
use super::table::{Entry, Hashes, KeyedTable, TableStorage};
use crate::crypto::Mac;
use crate::drop_reason::Dropped;
use crate::standard::CHALLENGE_PADDING_BYTES;
use crate::time::Local;
use crate::wire::Writer;

/// Tokens one address can have under way. A response from it may have to be tried under each.
const MAX_PER_ADDRESS: usize = 4;

/// Room for `N` half-open connections. The tallies are the entries of each host and client id, and
/// what each host spent of the [`Budget`](super::budget::Budget).
pub(crate) type HalfOpenStorage<const N: usize> = TableStorage<HalfOpen, N, 1, 2>;

#[derive(Clone)]
pub(crate) struct HalfOpen {
    pub(crate) session: Session,
    pub(crate) mac: Mac,
    /// When its first challenge left.
    pub(crate) challenged_at: Local,
}

impl HalfOpen {
    pub(crate) fn new(session: Session, mac: Mac, challenged_at: Local) -> Self {
        Self {
            session,
            mac,
            challenged_at,
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
}

impl Entry<1> for HalfOpen {
    type Deadline = Local;

    const EMPTY: Self = Self {
        session: Session::EMPTY,
        mac: Mac::EMPTY,
        challenged_at: Local::ZERO,
    };

    fn hashes(&self, hash_key: HashKey) -> Hashes<1> {
        let Session {
            peer, client_id, ..
        } = &self.session;
        Hashes {
            keys: [Some(peer.hash(hash_key))],
            sources: Some([peer.hash_host(hash_key), hash_key.hash_id(*client_id)]),
        }
    }

    fn wipe(&mut self) {
        // Dropping the keys wipes them.
        *self = Self::EMPTY;
    }
}

/// All half-open connections.
pub(crate) type HalfOpens<'s> = KeyedTable<'s, HalfOpen, 1, 2>;

impl HalfOpens<'_> {
    /// The entries of an address: at most [`MAX_PER_ADDRESS`].
    pub(crate) fn of_source(&self, source: &Source) -> impl Iterator<Item = usize> {
        let peer = source.peer;
        let [by_address] = &self.indexes;
        self.find(by_address, source.hash, move |entry| {
            entry.session.peer == peer
        })
    }

    /// The entry of an address and a token, and when its first challenge left.
    pub(crate) fn find_token(&self, source: &Source, mac: &Mac) -> Option<(usize, Local)> {
        self.of_source(source).find_map(|id| {
            let entry = self.get(id).filter(|entry| entry.mac == *mac)?;
            Some((id, entry.challenged_at))
        })
    }

    /// Adds an entry. `hashes` are its own.
    pub(crate) fn admit(
        &mut self,
        source: &Source,
        entry: HalfOpen,
        hashes: &Hashes<1>,
    ) -> Result<usize, Dropped> {
        if self.of_source(source).count() >= MAX_PER_ADDRESS {
            return Err(Dropped::HalfOpenFull);
        }
        self.insert(entry, hashes).ok_or(Dropped::HalfOpenFull)
    }
}
