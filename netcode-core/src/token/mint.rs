//! Minting of connect tokens by a backend (standard: *Connect Token*, *Private Connect Token
//! Data*).

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use rand_core::CryptoRng;

use super::connect::ConnectToken;
use super::private::{self, write_keys};
use crate::address::{AddressError, check_count, write_addresses};
use crate::crypto::{Key, RustCrypto, SessionKeys};
use crate::identity::{ClientId, ProtocolId, Timeout, TokenNonce, UserData};
use crate::packet::RequestHeader;
use crate::standard::{CONNECT_TOKEN_BYTES, PRIVATE_TOKEN_BYTES, VERSION_INFO};
use crate::time::UnixTime;
use crate::wire::Writer;

/// Contents of a connect token, chosen by the backend.
///
/// ```
/// # use netcode_core::token::TokenSpec;
/// # use netcode_core::{ClientId, ProtocolId, Timeout, UnixTime};
/// # let (servers, now) = (["10.0.0.1:40000".parse().unwrap()], UnixTime::from_secs(1));
/// let spec = TokenSpec::new(ProtocolId(42), ClientId(7), &servers, now)
///     .with_timeout(Timeout::from_secs(5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenSpec<'a> {
    /// Protocol id.
    pub protocol_id: ProtocolId,
    /// Client id.
    pub client_id: ClientId,
    /// Create timestamp. The difference to `expires` limits the time of a client's connection
    /// attempt.
    pub created: UnixTime,
    /// Expire timestamp, from which no server accepts the token. Not before `created`.
    pub expires: UnixTime,
    /// Timeout of the connection.
    pub timeout: Timeout,
    /// Public addresses of the servers, 1 to 32, tried by the client in this order.
    pub public_addresses: &'a [SocketAddr],
    /// Internal addresses of the same servers, by which each recognizes itself. Empty: the public
    /// ones.
    pub internal_addresses: &'a [SocketAddr],
    /// User data for the server, which the client cannot read.
    pub user_data: &'a UserData,
}

impl<'a> TokenSpec<'a> {
    /// Default lifetime of a token.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(45);

    /// Default timeout of a connection.
    pub const DEFAULT_TIMEOUT: Timeout = Timeout::from_secs(10);

    /// Contents of a token for the servers at `public_addresses`, with the default lifetime and
    /// timeout and no user data.
    pub const fn new(
        protocol_id: ProtocolId,
        client_id: ClientId,
        public_addresses: &'a [SocketAddr],
        created: UnixTime,
    ) -> Self {
        Self {
            protocol_id,
            client_id,
            created,
            expires: created.saturating_add_secs(Self::DEFAULT_LIFETIME.as_secs()),
            timeout: Self::DEFAULT_TIMEOUT,
            public_addresses,
            internal_addresses: &[],
            user_data: &UserData::ZERO,
        }
    }

    /// Sets `expires` to `lifetime` after `created`, in whole seconds.
    #[must_use]
    pub const fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.expires = self.created.saturating_add_secs(lifetime.as_secs());
        self
    }

    /// Sets the timeout.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Timeout) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the internal addresses of the servers.
    #[must_use]
    pub const fn with_internal_addresses(mut self, addresses: &'a [SocketAddr]) -> Self {
        self.internal_addresses = addresses;
        self
    }

    /// Sets the user data.
    #[must_use]
    pub const fn with_user_data(mut self, user_data: &'a UserData) -> Self {
        self.user_data = user_data;
        self
    }

    fn check(&self) -> Result<(), MintError> {
        if self.expires < self.created {
            return Err(MintError::ExpiresBeforeCreated);
        }
        check_count(self.public_addresses)?;
        if !self.internal_addresses.is_empty() {
            check_count(self.internal_addresses)?;
        }
        Ok(())
    }

    fn write(
        &self,
        private_key: &Key,
        keys: &SessionKeys,
        nonce: TokenNonce,
        out: &mut [u8; CONNECT_TOKEN_BYTES],
    ) -> Option<()> {
        let mut out = Writer::new(out);
        out.put(&VERSION_INFO)?;
        out.u64(self.protocol_id.0)?;
        out.u64(self.created.as_secs())?;
        out.u64(self.expires.as_secs())?;
        out.put(&nonce.0)?;
        let private = out.array::<PRIVATE_TOKEN_BYTES>()?;
        self.write_private(keys, private)?;
        let header = RequestHeader {
            protocol_id: self.protocol_id,
            expires: self.expires,
            nonce,
        };
        private::seal(&RustCrypto, private_key, &header, private);
        out.i32(self.timeout.as_secs())?;
        write_addresses(self.public_addresses, &mut out)?;
        write_keys(keys, &mut out)?;
        out.zeros_to_end();
        Some(())
    }

    /// Writes the fields of the private part and fills the rest with zeros, including the last 16
    /// bytes, which the MAC will occupy.
    fn write_private(&self, keys: &SessionKeys, out: &mut [u8; PRIVATE_TOKEN_BYTES]) -> Option<()> {
        let addresses = match self.internal_addresses {
            [] => self.public_addresses,
            internal => internal,
        };
        let mut out = Writer::new(out);
        out.u64(self.client_id.0)?;
        out.i32(self.timeout.as_secs())?;
        write_addresses(addresses, &mut out)?;
        write_keys(keys, &mut out)?;
        out.put(&self.user_data.0)?;
        out.zeros_to_end();
        Some(())
    }
}

/// Reason for which a token cannot be minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MintError {
    /// A list of addresses is empty or has more than 32.
    Addresses(AddressError),
    /// `expires` is before `created`.
    ExpiresBeforeCreated,
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Addresses(_) => "invalid list of server addresses",
            Self::ExpiresBeforeCreated => "the token expires before it is created",
        })
    }
}

impl core::error::Error for MintError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Addresses(error) => Some(error),
            Self::ExpiresBeforeCreated => None,
        }
    }
}

impl From<AddressError> for MintError {
    fn from(error: AddressError) -> Self {
        Self::Addresses(error)
    }
}

/// Mints a connect token with newly drawn session keys and nonce.
///
/// `private_key` is shared only by the backend and its servers.
///
/// # Errors
/// See [`MintError`].
pub fn mint(
    spec: &TokenSpec<'_>,
    private_key: &Key,
    rng: &mut impl CryptoRng,
) -> Result<ConnectToken, MintError> {
    let mut token = ConnectToken::new();
    mint_into(spec, private_key, rng, &mut token)?;
    Ok(token)
}

/// Variant of [`mint`] that writes into a buffer of the caller, for devices without two kilobytes
/// of stack to spare.
///
/// # Errors
/// See [`MintError`]. `token` is then unchanged.
pub fn mint_into(
    spec: &TokenSpec<'_>,
    private_key: &Key,
    rng: &mut impl CryptoRng,
    token: &mut ConnectToken,
) -> Result<(), MintError> {
    let mut nonce = TokenNonce([0; 24]);
    rng.fill_bytes(&mut nonce.0);
    let keys = SessionKeys::generate(rng);
    mint_with(spec, private_key, &keys, nonce, token)
}

/// Mints a connect token with given session keys and nonce, for known-answer tests.
///
/// Using a nonce or session key twice breaks the encryption; [`mint`] draws both.
///
/// # Errors
/// See [`MintError`]. `token` is then unchanged.
pub fn mint_with(
    spec: &TokenSpec<'_>,
    private_key: &Key,
    keys: &SessionKeys,
    nonce: TokenNonce,
    token: &mut ConnectToken,
) -> Result<(), MintError> {
    spec.check()?;
    // All fields fit, even with 32 addresses.
    let written = spec.write(private_key, keys, nonce, token.as_mut_bytes());
    Ok(written.ok_or(AddressError::Truncated)?)
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::token::{PrivateToken, PublicToken};

    const KEY: Key = Key::from_bytes([7; 32]);

    fn spec(servers: &[SocketAddr]) -> TokenSpec<'_> {
        let created = UnixTime::from_secs(1_000);
        TokenSpec::new(ProtocolId(1), ClientId(2), servers, created)
    }

    #[test]
    fn unset_fields_have_defaults() {
        let servers = ["10.0.0.1:40000".parse().unwrap()];
        let mut rng = StdRng::seed_from_u64(1);
        let token = mint(&spec(&servers), &KEY, &mut rng).unwrap();
        let public = PublicToken::parse(&token).unwrap();
        assert_eq!(public.expires, UnixTime::from_secs(1_045));
        assert_eq!(public.timeout, Timeout::from_secs(10));
        let private = public.open_private(&RustCrypto, &KEY).unwrap();
        let private = PrivateToken::parse(&private).unwrap();
        assert!(private.addresses.iter().eq(servers));
        assert_eq!(*private.user_data, UserData::ZERO.0);
    }

    #[test]
    fn set_fields_are_minted() {
        let servers = ["10.0.0.1:40000".parse().unwrap()];
        let internal = ["[fd00::1]:7".parse().unwrap()];
        let user_data = UserData::from_slice(b"who").unwrap();
        let spec = spec(&servers)
            .with_lifetime(Duration::from_secs(30))
            .with_timeout(Timeout::NEVER)
            .with_internal_addresses(&internal)
            .with_user_data(&user_data);
        let mut rng = StdRng::seed_from_u64(1);
        let token = mint(&spec, &KEY, &mut rng).unwrap();
        let public = PublicToken::parse(&token).unwrap();
        assert_eq!(public.expires, UnixTime::from_secs(1_030));
        assert_eq!(public.timeout.as_duration(), None);
        assert!(public.addresses.iter().eq(servers));
        let private = public.open_private(&RustCrypto, &KEY).unwrap();
        let private = PrivateToken::parse(&private).unwrap();
        assert!(private.addresses.iter().eq(internal));
        assert_eq!(*private.user_data, user_data.0);
    }

    #[test]
    fn a_list_of_none_or_of_33_servers_is_refused_and_one_of_32_is_not() {
        let server: SocketAddr = "[2001:db8::1]:40000".parse().unwrap();
        let servers = [server; 33];
        let mut rng = StdRng::seed_from_u64(1);
        let error = MintError::Addresses(AddressError::Count);
        let cause = core::error::Error::source(&error).unwrap();
        assert_eq!(cause.to_string(), AddressError::Count.to_string());
        let refused = Some(error);
        for wrong in [&servers[..0], &servers] {
            assert_eq!(mint(&spec(wrong), &KEY, &mut rng).err(), refused);
        }
        let internal = spec(&servers[..1]).with_internal_addresses(&servers);
        assert_eq!(mint(&internal, &KEY, &mut rng).err(), refused);
        let most = &servers[..32];
        let token = mint(&spec(most), &KEY, &mut rng).unwrap();
        let public = PublicToken::parse(&token).unwrap();
        assert!(public.addresses.iter().eq(most.iter().copied()));
    }
}
