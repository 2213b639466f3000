//! Challenge tokens (standard: *Challenge Token*): sealed by a server for itself, carried there
//! and back by the client, so that the server keeps no user data for a half-open connection.

use core::fmt;

use crate::crypto::{Crypto, Key, Unauthentic, packet_nonce};
use crate::identity::{ClientId, Sequence};
use crate::standard::{CHALLENGE_PADDING_BYTES, CHALLENGE_TOKEN_BYTES, USER_DATA_BYTES};
use crate::wire::{Reader, Writer};

/// Fields of a challenge token: what a server needs back from the client that answers it.
#[derive(Clone, Copy)]
pub struct ChallengeToken<'t> {
    /// The client's id, from its connect token.
    pub client_id: ClientId,
    /// The connect token's user data.
    pub user_data: &'t [u8; USER_DATA_BYTES],
    /// The padding behind the fields. The standard leaves it zero and no client can read it; a
    /// server names here the half-open connection that the challenge was made for.
    pub padding: &'t [u8; CHALLENGE_PADDING_BYTES],
}

// User data may identify a person.
impl fmt::Debug for ChallengeToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChallengeToken")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl<'t> ChallengeToken<'t> {
    /// Writes and seals the token. No associated data; the nonce is `sequence`.
    pub fn seal(
        &self,
        crypto: &impl Crypto,
        key: &Key,
        sequence: Sequence,
        out: &mut [u8; CHALLENGE_TOKEN_BYTES],
    ) {
        let mut fields = Writer::new(out);
        // 8, 256 and 20 bytes always fit into 300.
        let _ = fields.u64(self.client_id.0);
        let _ = fields.put(self.user_data);
        let _ = fields.put(self.padding);
        fields.zeros_to_end();
        crypto.seal(key, &packet_nonce(sequence.0), &[], out);
    }

    /// Opens the token in place and reads it.
    ///
    /// # Errors
    /// [`Unauthentic`] if this server's key did not seal it under this sequence.
    pub fn open(
        crypto: &impl Crypto,
        key: &Key,
        sequence: Sequence,
        sealed: &'t mut [u8; CHALLENGE_TOKEN_BYTES],
    ) -> Result<Self, Unauthentic> {
        crypto.open(key, &packet_nonce(sequence.0), &[], sealed)?;
        let mut fields = Reader::new(sealed);
        let client_id = ClientId(fields.u64().ok_or(Unauthentic)?);
        let user_data = fields.array().ok_or(Unauthentic)?;
        let padding = fields.array().ok_or(Unauthentic)?;
        Ok(Self {
            client_id,
            user_data,
            padding,
        })
    }
}
