//! The connect token a client carries (standard: *Connect Token*): minted by a backend, parsed by
//! the client.

use core::fmt;
use core::net::SocketAddr;

use rand_core::CryptoRng;

use super::private::{PrivateToken, read_keys, write_keys};
use crate::address::{AddressError, AddressList, Addresses};
use crate::crypto::{Crypto, Key, RustCrypto, SessionKeys};
use crate::identity::{ClientId, ProtocolId, Timeout, TokenNonce, UserData};
use crate::packet::RequestHeader;
use crate::standard::{CONNECT_TOKEN_BYTES, PRIVATE_TOKEN_BYTES, VERSION_INFO};
use crate::time::UnixTime;
use crate::wire::{Reader, Writer};

/// Everything a backend decides about a token.
#[derive(Clone, Debug)]
pub struct TokenSpec<'a> {
    /// The application.
    pub protocol_id: ProtocolId,
    /// Who the client is.
    pub client_id: ClientId,
    /// When the token is made. With `expires` it also sets how long a client may try.
    pub created: UnixTime,
    /// When the token ends: no server lets it in any more. Not before `created`.
    pub expires: UnixTime,
    /// How long silence may last in the session.
    pub timeout: Timeout,
    /// The addresses the client dials, 1 to 32, tried in order.
    pub public_addresses: &'a [SocketAddr],
    /// The same servers by the addresses they know themselves by. Empty: as the public ones.
    pub internal_addresses: &'a [SocketAddr],
    /// Carried to the server, unreadable to the client.
    pub user_data: &'a UserData,
}

/// Why a token cannot be minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MintError {
    /// A list of addresses has none or more than 32.
    Addresses(AddressError),
    /// `expires` is before `created`.
    ExpiresBeforeCreated,
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(error) => error.fmt(f),
            Self::ExpiresBeforeCreated => f.write_str("the token expires before it is created"),
        }
    }
}

impl core::error::Error for MintError {}

impl From<AddressError> for MintError {
    fn from(error: AddressError) -> Self {
        Self::Addresses(error)
    }
}

/// Mints a connect token into `out`, with session keys and a nonce of its own.
///
/// `private_key` is shared by the backend and its servers and by nobody else.
///
/// # Errors
/// See [`MintError`]. `out` is then unchanged.
pub fn mint(
    spec: &TokenSpec<'_>,
    private_key: &Key,
    rng: &mut impl CryptoRng,
    out: &mut [u8; CONNECT_TOKEN_BYTES],
) -> Result<(), MintError> {
    let mut nonce = TokenNonce([0; 24]);
    rng.fill_bytes(&mut nonce.0);
    let keys = SessionKeys::generate(rng);
    mint_with(spec, private_key, &keys, nonce, out)
}

/// Mints a connect token with given session keys and nonce: for known-answer tests.
///
/// A nonce or session key that is used twice breaks the seal; [`mint`] draws both.
///
/// # Errors
/// See [`MintError`]. `out` is then unchanged.
pub fn mint_with(
    spec: &TokenSpec<'_>,
    private_key: &Key,
    keys: &SessionKeys,
    nonce: TokenNonce,
    out: &mut [u8; CONNECT_TOKEN_BYTES],
) -> Result<(), MintError> {
    if spec.expires < spec.created {
        return Err(MintError::ExpiresBeforeCreated);
    }
    let public = AddressList::new(spec.public_addresses)?;
    let internal = if spec.internal_addresses.is_empty() {
        public.clone()
    } else {
        AddressList::new(spec.internal_addresses)?
    };
    let mut private = [0; PRIVATE_TOKEN_BYTES];
    let fields = PrivateToken {
        client_id: spec.client_id,
        timeout: spec.timeout,
        addresses: internal.as_addresses(),
        keys: keys.clone(),
        user_data: &spec.user_data.0,
    };
    fields.write(&mut private).ok_or(AddressError::Truncated)?;
    let header = RequestHeader {
        protocol_id: spec.protocol_id,
        expires: spec.expires,
        nonce,
    };
    PrivateToken::seal(&RustCrypto, private_key, &header, &mut private);

    let token = PublicToken {
        protocol_id: spec.protocol_id,
        created: spec.created,
        expires: spec.expires,
        nonce,
        private: &private,
        timeout: spec.timeout,
        addresses: public.as_addresses(),
        keys: keys.clone(),
    };
    token.write(out).ok_or(AddressError::Truncated)?;
    Ok(())
}

/// Why bytes are not a connect token a client can use: *invalid connect token*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TokenError {
    /// A connect token is 2048 bytes.
    Length {
        /// The length that was given, bytes.
        len: usize,
    },
    /// Not netcode 1.02, or not a token at all.
    Version,
    /// It expires before it was created.
    ExpiresBeforeCreated,
    /// Its server addresses cannot be read.
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
            Self::Addresses(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TokenError {}

impl From<AddressError> for TokenError {
    fn from(error: AddressError) -> Self {
        Self::Addresses(error)
    }
}

/// A connect token as a client reads it, borrowed from its 2048 bytes.
pub struct PublicToken<'t> {
    /// The application.
    pub protocol_id: ProtocolId,
    /// When the backend made it.
    pub created: UnixTime,
    /// When it ends.
    pub expires: UnixTime,
    /// Nonce of the private part.
    pub nonce: TokenNonce,
    /// The private part, sealed.
    pub private: &'t [u8; PRIVATE_TOKEN_BYTES],
    /// How long silence may last.
    pub timeout: Timeout,
    /// The servers to try, in order.
    pub addresses: Addresses<'t>,
    /// The session's keys.
    pub keys: SessionKeys,
}

impl<'t> PublicToken<'t> {
    /// Reads a token. Padding behind the fields is not looked at.
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

    /// The fields that connection requests carry, and that the private part is sealed with.
    pub fn request_header(&self) -> RequestHeader {
        RequestHeader {
            protocol_id: self.protocol_id,
            expires: self.expires,
            nonce: self.nonce,
        }
    }

    /// Opens a copy of the private part with the backend's key, for [`PrivateToken::parse`]. It
    /// holds the session's keys: wipe it when done.
    ///
    /// # Errors
    /// [`Unauthentic`](crate::crypto::Unauthentic) under another key.
    pub fn open_private(
        &self,
        crypto: &impl Crypto,
        private_key: &Key,
    ) -> Result<[u8; PRIVATE_TOKEN_BYTES], crate::crypto::Unauthentic> {
        let mut private = *self.private;
        PrivateToken::open(crypto, private_key, &self.request_header(), &mut private)?;
        Ok(private)
    }

    fn write(&self, out: &mut [u8; CONNECT_TOKEN_BYTES]) -> Option<()> {
        let mut out = Writer::new(out);
        out.put(&VERSION_INFO)?;
        out.u64(self.protocol_id.0)?;
        out.u64(self.created.as_secs())?;
        out.u64(self.expires.as_secs())?;
        out.put(&self.nonce.0)?;
        out.put(self.private)?;
        out.i32(self.timeout.as_secs())?;
        self.addresses.write(&mut out)?;
        write_keys(&self.keys, &mut out)?;
        out.zeros_to_end();
        Some(())
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
