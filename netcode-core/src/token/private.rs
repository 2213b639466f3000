//! Private part of a connect token (standard: *Private Connect Token Data*), sealed by the backend
//! and opened by the server.

use core::fmt;

use crate::address::{AddressError, Addresses};
use crate::crypto::{Crypto, Key, SessionKeys, Unauthentic, open_extended, seal_extended};
use crate::identity::{ClientId, Timeout};
use crate::packet::RequestHeader;
use crate::standard::{PRIVATE_TOKEN_BYTES, USER_DATA_BYTES};
use crate::wire::{Reader, Writer};

/// Fields of a private part, borrowed from its opened bytes.
pub struct PrivateToken<'t> {
    /// Client id.
    pub client_id: ClientId,
    /// Timeout of the connection.
    pub timeout: Timeout,
    /// Internal addresses of the servers that this token is valid for.
    pub addresses: Addresses<'t>,
    /// Keys of the session.
    pub keys: SessionKeys,
    /// User data, which the client cannot read.
    pub user_data: &'t [u8; USER_DATA_BYTES],
}

impl<'t> PrivateToken<'t> {
    /// Reads the opened bytes. The padding after the fields is not checked, as the standard does
    /// not require it to be zero.
    ///
    /// # Errors
    /// [`AddressError`]: only the list of addresses can be malformed.
    pub fn parse(opened: &'t [u8; PRIVATE_TOKEN_BYTES]) -> Result<Self, AddressError> {
        let mut fields = Reader::new(opened);
        let client_id = ClientId(fields.u64().ok_or(AddressError::Truncated)?);
        let timeout = Timeout::from_secs(fields.i32().ok_or(AddressError::Truncated)?);
        let addresses = Addresses::read(&mut fields)?;
        let keys = read_keys(&mut fields).ok_or(AddressError::Truncated)?;
        let user_data = fields.array().ok_or(AddressError::Truncated)?;
        Ok(Self {
            client_id,
            timeout,
            addresses,
            keys,
            user_data,
        })
    }

    /// Opens a sealed private part in place, for [`PrivateToken::parse`] to read.
    ///
    /// # Errors
    /// [`Unauthentic`] under another key, or if any field of the header was modified. The bytes are
    /// then lost.
    pub fn open(
        crypto: &impl Crypto,
        key: &Key,
        header: &RequestHeader,
        sealed: &mut [u8; PRIVATE_TOKEN_BYTES],
    ) -> Result<(), Unauthentic> {
        let data = header.associated_data();
        open_extended(crypto, key, &header.nonce.0, &data, sealed)
    }
}

impl fmt::Debug for PrivateToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateToken")
            .field("client_id", &self.client_id)
            .field("timeout", &self.timeout)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Seals the written fields in place.
pub(super) fn seal(
    crypto: &impl Crypto,
    key: &Key,
    header: &RequestHeader,
    written: &mut [u8; PRIVATE_TOKEN_BYTES],
) {
    let data = header.associated_data();
    seal_extended(crypto, key, &header.nonce.0, &data, written);
}

/// Reads the session keys, client to server first, in both parts of the token.
pub(crate) fn read_keys(fields: &mut Reader<'_>) -> Option<SessionKeys> {
    Some(SessionKeys {
        client_to_server: Key::from_bytes(*fields.array()?),
        server_to_client: Key::from_bytes(*fields.array()?),
    })
}

pub(crate) fn write_keys(keys: &SessionKeys, out: &mut Writer<'_>) -> Option<()> {
    out.put(keys.client_to_server.as_bytes())?;
    out.put(keys.server_to_client.as_bytes())
}
