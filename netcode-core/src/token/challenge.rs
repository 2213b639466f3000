//! Challenge tokens (standard: *Challenge Token*): sealed by a server for itself and returned by
//! the client, so that the server keeps no user data for a half-open connection.

use core::fmt;

use crate::crypto::{Crypto, Key, Unauthentic, packet_nonce};
use crate::identity::{ClientId, Sequence};
use crate::standard::{CHALLENGE_PADDING_BYTES, CHALLENGE_TOKEN_BYTES, USER_DATA_BYTES};
use crate::wire::{Reader, Writer};

/// Fields of a challenge token.
#[derive(Clone, Copy)]
pub struct ChallengeToken<'t> {
    /// Client id from the connect token.
    pub client_id: ClientId,
    /// User data from the connect token.
    pub user_data: &'t [u8; USER_DATA_BYTES],
    /// Padding after the fields. The standard leaves it zero and no client can read it; a server
    /// uses it to identify the half-open connection that the challenge was sent for.
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
    /// Writes and seals the token, without associated data. The nonce is formed from `sequence`.
    pub fn seal(
        &self,
        crypto: &impl Crypto,
        key: &Key,
        sequence: Sequence,
        out: &mut [u8; CHALLENGE_TOKEN_BYTES],
    ) {
        let mut fields = Writer::new(out);
        // The fields, 8, 256 and 20 bytes, always fit into 300.
        let _ = fields.u64(self.client_id.0);
        let _ = fields.put(self.user_data);
        let _ = fields.put(self.padding);
        fields.zeros_to_end();
        crypto.seal(key, &packet_nonce(sequence.0), &[], out);
    }

    /// Opens the token in place and reads its fields.
    ///
    /// # Errors
    /// [`Unauthentic`] if it was not sealed with this key and sequence.
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
