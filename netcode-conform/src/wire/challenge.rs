//! Challenge tokens. A client returns one as it came; only a server seals and opens it. (Standard:
//! *Challenge Token Structure*.)

#[cfg(test)]
use super::open_chacha;
use super::{Key, UserData, nonce_of, seal_chacha};

/// Length of a sealed challenge token.
pub(crate) const CHALLENGE_BYTES: usize = 300;
/// Length of its part that is sealed.
const PLAIN_BYTES: usize = 284;

/// Body of a challenge or of a response: a challenge sequence and the sealed challenge token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) sequence: u64,
    pub(crate) token: Vec<u8>,
}

impl Challenge {
    /// Length of the body: the sequence, then the token.
    pub(crate) const BODY_BYTES: usize = 8 + CHALLENGE_BYTES;

    /// Seals the token of a client.
    pub(crate) fn seal(key: &Key, sequence: u64, client_id: u64, user_data: &UserData) -> Self {
        let mut plain = Vec::with_capacity(PLAIN_BYTES);
        plain.extend(client_id.to_le_bytes());
        plain.extend(user_data);
        plain.resize(PLAIN_BYTES, 0);
        let token = seal_chacha(key, &nonce_of(sequence), &[], &plain);
        Self { sequence, token }
    }

    /// Reads the body of a packet.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let (sequence, token) = body.split_first_chunk()?;
        (body.len() == Self::BODY_BYTES).then(|| Self {
            sequence: u64::from_le_bytes(*sequence),
            token: token.to_vec(),
        })
    }

    /// The body of a packet.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = self.sequence.to_le_bytes().to_vec();
        body.extend(&self.token);
        body
    }

    #[cfg(test)]
    /// Opens the token: client id, and user data with the padding behind it.
    pub(crate) fn open(&self, key: &Key) -> Option<(u64, Vec<u8>)> {
        let plain = open_chacha(key, &nonce_of(self.sequence), &[], &self.token)?;
        let (client_id, rest) = plain.split_first_chunk()?;
        Some((u64::from_le_bytes(*client_id), rest.to_vec()))
    }
}
