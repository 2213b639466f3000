//! Keyed hash for all table lookups, so that colliding keys cannot be chosen by an attacker.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::identity::ClientId;

/// Secret hash key of a server's tables.
#[derive(Clone, Copy)]
pub(crate) struct HashKey(pub(crate) u64, pub(crate) u64);

impl HashKey {
    pub(crate) const NONE: Self = Self(0, 0);

    pub(crate) fn hash(self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write(bytes);
        hasher.finish()
    }

    pub(crate) fn hash_id(self, client_id: ClientId) -> u64 {
        self.hash(&client_id.0.to_le_bytes())
    }
}

/// Position of half a hash among `len` places; needs no division and works for any length.
pub(crate) fn scale(half: u64, len: usize) -> usize {
    let scaled = (half & 0xffff_ffff).wrapping_mul(len as u64) >> 32;
    usize::try_from(scaled).unwrap_or(0)
}
