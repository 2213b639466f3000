//! API keys: random texts, of which the service keeps the SHA-256 alone. A key has 256 random bits,
//! so its hash needs neither salt nor cost.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use aws_lc_rs::{digest, rand};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use netcode_std::ClientId;
use serde::Deserialize;

use super::{Caller, Identity, IdentityError, Role, bearer, client_id_of};

const PREFIX: &str = "nck_";

/// API key, before its hash is all that is left of it.
pub struct ApiKey(String);

impl ApiKey {
    /// Draws a key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).ok().context("no randomness")?;
        let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self(format!("{PREFIX}{text}")))
    }

    /// Text of the key, for its owner.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 in hexadecimal digits, for the file.
    pub fn hash(&self) -> String {
        hex::encode(hash(&self.0))
    }
}

fn hash(key: &str) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, key.as_bytes());
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Table `[[key]]` of the file of credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    name: String,
    role: RoleName,
    sha256: String,
    /// Client id of a player. Absent: made from the name.
    client_id: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleName {
    Player,
    Server,
    Admin,
}

/// Accepted API keys.
#[derive(Debug, Default)]
pub struct ApiKeys(HashMap<[u8; 32], Caller>);

impl ApiKeys {
    pub(super) fn new(entries: Vec<Entry>) -> Result<Self> {
        let mut keys = HashMap::new();
        for entry in entries {
            let mut sha256 = [0; 32];
            hex::decode_to_slice(&entry.sha256, &mut sha256)
                .with_context(|| format!("key {}: sha256 is 64 hexadecimal digits", entry.name))?;
            let before = keys.insert(sha256, entry.caller());
            ensure!(before.is_none(), "key {}: it is there twice", entry.name);
        }
        Ok(Self(keys))
    }
}

impl Entry {
    fn caller(&self) -> Caller {
        let id = || {
            self.client_id
                .map_or_else(|| client_id_of("key", &self.name), ClientId)
        };
        Caller {
            account: self.name.clone(),
            role: match self.role {
                RoleName::Player => Role::Player(id()),
                RoleName::Server => Role::Server,
                RoleName::Admin => Role::Admin,
            },
        }
    }
}

#[async_trait]
impl Identity for ApiKeys {
    async fn identify(&self, headers: &HeaderMap) -> Result<Option<Caller>, IdentityError> {
        let Some(key) = bearer(headers).filter(|token| token.starts_with(PREFIX)) else {
            return Ok(None);
        };
        let caller = self.0.get(&hash(key));
        caller.cloned().map(Some).ok_or(IdentityError::Refused)
    }
}
