//! Connect tokens and their public fields (standard: *Connect Token*).

use core::fmt;
use core::ops::Deref;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::private::{PrivateToken, read_keys};
use crate::address::{AddressError, Addresses};
use crate::crypto::{Crypto, Key, SessionKeys, Unauthentic};
use crate::identity::{ProtocolId, Timeout, TokenNonce};
use crate::packet::RequestHeader;
use crate::standard::{CONNECT_TOKEN_BYTES, PRIVATE_TOKEN_BYTES, VERSION_INFO};
use crate::time::UnixTime;
use crate::wire::Reader;

/// Connect token: 2048 bytes, minted by a backend for one client. It contains the session's keys:
/// wiped when dropped, never printed.
///
/// Dereferences to its bytes, for [`Client::connect`](crate::client::Client::connect), for
/// [`PublicToken::parse`] and for transport.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ConnectToken([u8; CONNECT_TOKEN_BYTES]);

impl ConnectToken {
    /// Creates an all-zero buffer, to mint or read a token into.
    pub const fn new() -> Self {
        Self([0; CONNECT_TOKEN_BYTES])
    }

    /// Bytes of the token.
    pub const fn as_bytes(&self) -> &[u8; CONNECT_TOKEN_BYTES] {
        &self.0
    }

    /// Bytes of the token, to read one into.
    pub const fn as_mut_bytes(&mut self) -> &mut [u8; CONNECT_TOKEN_BYTES] {
        &mut self.0
    }
}

impl Default for ConnectToken {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for ConnectToken {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ConnectToken {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Copies a token of the right length. Its fields are checked when it is used.
impl TryFrom<&[u8]> for ConnectToken {
    type Error = TokenError;

    fn try_from(bytes: &[u8]) -> Result<Self, TokenError> {
        let mut token = Self::new();
        let length = TokenError::Length { len: bytes.len() };
        token.0 = *<&[u8; CONNECT_TOKEN_BYTES]>::try_from(bytes).map_err(|_| length)?;
        Ok(token)
    }
}

impl fmt::Debug for ConnectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectToken(..)")
    }
}

/// Reason for which bytes are not a valid connect token: *invalid connect token*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TokenError {
    /// The length is not 2048 bytes.
    Length {
        /// Length given, bytes.
        len: usize,
    },
    /// The version is not netcode 1.02, or the bytes are not a token.
    Version,
    /// The token expires before it was created.
    ExpiresBeforeCreated,
    /// The server addresses are malformed.
    Addresses(AddressError),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len } => {
                write!(
                    f,
                    "a connect token is {CONNECT_TOKEN_BYTES} bytes, not {len}"
                )
            }
            Self::Version => f.write_str("not a netcode 1.02 connect token"),
            Self::ExpiresBeforeCreated => f.write_str("the token expires before it is created"),
            Self::Addresses(_) => f.write_str("the token's server addresses cannot be read"),
        }
    }
}

impl core::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Addresses(error) => Some(error),
            _ => None,
        }
    }
}

impl From<AddressError> for TokenError {
    fn from(error: AddressError) -> Self {
        Self::Addresses(error)
    }
}

/// Public fields of a connect token, borrowed from its bytes.
pub struct PublicToken<'t> {
    /// Protocol id.
    pub protocol_id: ProtocolId,
    /// Create timestamp.
    pub created: UnixTime,
    /// Expire timestamp.
    pub expires: UnixTime,
    /// Nonce of the private part.
    pub nonce: TokenNonce,
    /// Private part, sealed.
    pub private: &'t [u8; PRIVATE_TOKEN_BYTES],
    /// Timeout of the connection.
    pub timeout: Timeout,
    /// Addresses of the servers, in the order in which to try them.
    pub addresses: Addresses<'t>,
    /// Keys of the session.
    pub keys: SessionKeys,
}

impl<'t> PublicToken<'t> {
    /// Reads a token. The padding after the fields is not checked.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn parse(token: &'t [u8]) -> Result<Self, TokenError> {
        let length = TokenError::Length { len: token.len() };
        if token.len() != CONNECT_TOKEN_BYTES {
            return Err(length);
        }
        let mut fields = Reader::new(token);
        if fields.array() != Some(&VERSION_INFO) {
            return Err(TokenError::Version);
        }
        let parsed = Self {
            protocol_id: ProtocolId(fields.u64().ok_or(length)?),
            created: UnixTime::from_secs(fields.u64().ok_or(length)?),
            expires: UnixTime::from_secs(fields.u64().ok_or(length)?),
            nonce: TokenNonce(*fields.array().ok_or(length)?),
            private: fields.array().ok_or(length)?,
            timeout: Timeout::from_secs(fields.i32().ok_or(length)?),
            addresses: Addresses::read(&mut fields)?,
            keys: read_keys(&mut fields).ok_or(length)?,
        };
        if parsed.expires < parsed.created {
            return Err(TokenError::ExpiresBeforeCreated);
        }
        Ok(parsed)
    }

    /// Fields that connection requests carry in the clear and that the private part is bound to.
    pub fn request_header(&self) -> RequestHeader {
        RequestHeader {
            protocol_id: self.protocol_id,
            expires: self.expires,
            nonce: self.nonce,
        }
    }

    /// Opens a copy of the private part with the backend's key, for [`PrivateToken::parse`].
    ///
    /// # Errors
    /// [`Unauthentic`] if it was sealed with another key.
    pub fn open_private(
        &self,
        crypto: &impl Crypto,
        private_key: &Key,
    ) -> Result<Zeroizing<[u8; PRIVATE_TOKEN_BYTES]>, Unauthentic> {
        let mut private = Zeroizing::new(*self.private);
        PrivateToken::open(crypto, private_key, &self.request_header(), &mut private)?;
        Ok(private)
    }
}

impl fmt::Debug for PublicToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicToken")
            .field("protocol_id", &self.protocol_id)
            .field("created", &self.created)
            .field("expires", &self.expires)
            .field("timeout", &self.timeout)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::error::Error as _;

    use super::*;
    use crate::client::ConnectError;

    #[test]
    fn only_2048_bytes_are_a_token() {
        let token = ConnectToken::try_from(&[5; CONNECT_TOKEN_BYTES][..]).unwrap();
        assert_eq!(token[..], [5; CONNECT_TOKEN_BYTES]);
        let short = ConnectToken::try_from(&[5; 2047][..]).err();
        assert_eq!(short, Some(TokenError::Length { len: 2047 }));
    }

    #[test]
    fn a_token_is_not_printed_and_can_be_wiped() {
        let mut token = ConnectToken::try_from(&[5; CONNECT_TOKEN_BYTES][..]).unwrap();
        assert_eq!(format!("{token:?}"), "ConnectToken(..)");
        token.zeroize();
        assert_eq!(*token.as_bytes(), [0; CONNECT_TOKEN_BYTES]);
    }

    #[test]
    fn an_error_names_its_cause() {
        let error = ConnectError::Token(TokenError::Addresses(AddressError::Count));
        let mut texts = vec![format!("{error}")];
        let mut cause = error.source();
        while let Some(error) = cause {
            texts.push(format!("{error}"));
            cause = error.source();
        }
        assert_eq!(
            texts,
            [
                "invalid connect token",
                "the token's server addresses cannot be read",
                "a token names 1 to 32 server addresses",
            ]
        );
    }
}
