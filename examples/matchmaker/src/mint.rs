//! Minting of connect tokens, plain for TLS and sealed for devices without it.

use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use netcode_std::core::sealed::{
    DevicePublic, SEALED_TOKEN_BYTES, SealContext, SealerSecret, seal_token,
};
use netcode_std::core::token::ConnectToken;
use netcode_std::{ClientId, Key, ProtocolId, Timeout, TokenSpec, generator, mint, unix_time};

use crate::api::Refusal;
use crate::placement::Placed;

/// Keys and settings of tokens.
pub struct Mint {
    /// Application and version.
    pub protocol_id: ProtocolId,
    /// Private key that the servers share.
    pub key: RwLock<Key>,
    /// Key that authenticates sealed tokens. `None`: devices are refused.
    pub sealer: Option<SealerSecret>,
    /// Lifetime of a token, in whole seconds.
    pub lifetime: Duration,
    /// Timeout of a connection.
    pub timeout: Timeout,
}

/// Token and its expiry.
pub struct Minted {
    /// Token.
    pub token: ConnectToken,
    /// Expiry, Unix seconds.
    pub expires: u64,
}

impl Mint {
    /// Mints under another private key from now on, which the servers must have already. `false`: it
    /// is the one in use.
    pub fn rotate_key(&self, key: Key) -> bool {
        let mut current = self.key.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *current != key;
        *current = key;
        changed
    }

    /// Mints a token for a client and the servers it was placed at.
    ///
    /// # Errors
    /// `internal` without randomness, or for a list of servers that no token can carry.
    pub fn mint(&self, client: ClientId, placed: &Placed) -> Result<Minted, Refusal> {
        let public: Vec<SocketAddr> = placed.addresses.iter().map(|it| it.public).collect();
        let internal: Vec<SocketAddr> = placed.addresses.iter().map(|it| it.internal).collect();
        let created = unix_time();
        let spec = TokenSpec::new(self.protocol_id, client, &public, created)
            .with_lifetime(self.lifetime)
            .with_timeout(self.timeout)
            .with_internal_addresses(&internal);
        let mut rng = generator().map_err(|error| Refusal::internal(&error))?;
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        let token = mint(&spec, &key, &mut rng).map_err(|error| Refusal::internal(&error))?;
        Ok(Minted {
            token,
            expires: spec.expires.as_secs(),
        })
    }

    /// Seals a token to a device.
    ///
    /// # Errors
    /// `internal` without randomness, or for a public key of low order.
    pub fn seal(
        &self,
        sealer: &SealerSecret,
        context: &SealContext,
        device: &DevicePublic,
        token: &ConnectToken,
    ) -> Result<[u8; SEALED_TOKEN_BYTES], Refusal> {
        let mut rng = generator().map_err(|error| Refusal::internal(&error))?;
        let mut message = [0; SEALED_TOKEN_BYTES];
        seal_token(context, sealer, device, token, &mut rng, &mut message)
            .map_err(|error| Refusal::internal(&error))?;
        Ok(message)
    }
}
