//! Half-open connections: clients with a valid token that have not answered their challenge.
//!
//! An entry is identified by address *and* token, so that a second token sent from a forged address
//! cannot replace a victim's keys. The number of entries is bounded, in total and per address, and
//! each ends soon, whatever timeout its token asks for.

use super::hash::HashKey;
use super::peer::Source;
use super::session::Session;
use super::table::{Entry, Hashes, KeyedTable, TableStorage};
use crate::crypto::Mac;
use crate::drop_reason::Dropped;
use crate::standard::CHALLENGE_PADDING_BYTES;
use crate::time::Local;
use crate::wire::Writer;

/// Half-open connections per address. Each may have to be tried to open a response.
const MAX_PER_ADDRESS: usize = 4;

/// Storage of `N` half-open connections. The tallies count the entries of each host and client id,
/// and the spending of each host from the [`Budget`](super::budget::Budget).
pub(crate) type HalfOpenStorage<const N: usize> = TableStorage<HalfOpen, N, 1, 2>;

#[derive(Clone)]
pub(crate) struct HalfOpen {
    pub(crate) session: Session,
    pub(crate) mac: Mac,
    /// Time of its first challenge.
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

    /// Padding of the challenges for this entry: the MAC of its connect token and the low half of
    /// the time at which it began. It binds a challenge to one token and one handshake: a challenge
    /// for another token of the same client, or for an earlier handshake from an address that has
    /// changed hands since, does not answer this one.
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
}

/// Half-open connections of one server.
pub(crate) type HalfOpens<'s> = KeyedTable<'s, HalfOpen, 1, 2>;

impl HalfOpens<'_> {
    /// Entries of an address: at most [`MAX_PER_ADDRESS`].
    pub(crate) fn of_source(&self, source: &Source) -> impl Iterator<Item = usize> {
        let peer = source.peer;
        let [by_address] = &self.indexes;
        self.find(by_address, source.hash, move |entry| {
            entry.session.peer == peer
        })
    }

    /// Entry of an address and a token, and the time of its first challenge.
    pub(crate) fn find_token(&self, source: &Source, mac: &Mac) -> Option<(usize, Local)> {
        self.of_source(source).find_map(|id| {
            let entry = self.get(id).filter(|entry| entry.mac == *mac)?;
            Some((id, entry.challenged_at))
        })
    }

    /// Adds an entry. `hashes` are those of `entry`.
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
