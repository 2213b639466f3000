//! JSON Web Tokens of an identity provider (RFC 7519), signed by RS256 or EdDSA. Its public keys
//! are a JWK Set (RFC 7517) in a file or at a URL.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::http::HeaderMap;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{Caller, Identity, IdentityError, Role, bearer, client_id_of};
use crate::store::parse_client_id;

const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::EdDSA];
const TIMEOUT: Duration = Duration::from_secs(3);
/// Shortest time between two attempts to read the keys.
const BETWEEN_READS: Duration = Duration::from_secs(30);
/// The same, while there are none.
const BETWEEN_FIRST_READS: Duration = Duration::from_secs(1);
/// Age at which keys are read again, so that a revoked one is forgotten.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// Tolerance for clocks that differ, seconds.
const LEEWAY: u64 = 5;
/// Longest key set, bytes.
const MAX_KEYS_BYTES: usize = 256 * 1024;

/// Settings of [`Jwt`].
#[derive(Clone, Debug)]
pub struct JwtConfig {
    /// Required issuer, claim `iss`.
    pub issuer: String,
    /// Required audience, claim `aud`.
    pub audience: String,
    /// Public keys of the issuer.
    pub keys: KeySource,
    /// Claim with the client id, a number or decimal text. `None`: the id is made from issuer and
    /// `sub` by [`client_id_of`].
    pub client_id_claim: Option<String>,
}

/// Place of a JWK Set.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// File.
    File(PathBuf),
    /// URL, HTTPS outside of tests.
    Url(String),
}

/// JSON Web Tokens of one issuer.
pub struct Jwt {
    config: JwtConfig,
    client: reqwest::Client,
    keys: RwLock<Keys>,
    /// Time of the last attempt to read the keys, held while they are read.
    tried: Mutex<Option<Instant>>,
}

#[derive(Clone, Default)]
struct Keys {
    set: Option<Arc<JwkSet>>,
    read: Option<Instant>,
}

impl Jwt {
    /// Tokens of an issuer, whose keys are read at the first one.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn new(config: JwtConfig) -> anyhow::Result<Self> {
        Ok(Self {
            config,
            client: reqwest::Client::builder().timeout(TIMEOUT).build()?,
            keys: RwLock::default(),
            tried: Mutex::default(),
        })
    }

    /// Key of this id. Keys are read when there is no such key, or they are old; keys that cannot be
    /// read again stay in use.
    async fn key(&self, id: Option<&str>) -> Result<Option<Jwk>, IdentityError> {
        let fresh = |keys: &Keys| keys.read.is_some_and(|at| at.elapsed() < MAX_AGE);
        let before = self.keys();
        let found = before.set.as_ref().and_then(|set| find(set, id));
        if found.is_some() && fresh(&before) {
            return Ok(found);
        }
        let mut tried = self.tried.lock().await;
        let between = match before.set {
            Some(_) => BETWEEN_READS,
            None => BETWEEN_FIRST_READS,
        };
        if tried.is_none_or(|at| at.elapsed() >= between) {
            match self.read().await {
                Ok(set) => self.replace(set),
                Err(cause) => tracing::warn!(%cause, "the issuer's keys could not be read"),
            }
            *tried = Some(Instant::now());
        }
        match self.keys().set {
            Some(set) => Ok(find(&set, id)),
            None => Err(IdentityError::Unavailable("no keys of the issuer".into())),
        }
    }

    fn keys(&self) -> Keys {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    fn replace(&self, set: JwkSet) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Keys {
            set: Some(Arc::new(set)),
            read: Some(Instant::now()),
        };
    }

    async fn read(&self) -> Result<JwkSet, String> {
        let text = match &self.config.keys {
            KeySource::File(path) => tokio::fs::read(path).await.map_err(|it| it.to_string())?,
            KeySource::Url(url) => self.fetch(url).await.map_err(|it| it.to_string())?,
        };
        if text.len() > MAX_KEYS_BYTES {
            return Err(format!("a key set of more than {MAX_KEYS_BYTES} bytes"));
        }
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }

    async fn fetch(&self, url: &str) -> reqwest::Result<Vec<u8>> {
        let response = self.client.get(url).send().await?.error_for_status()?;
        Ok(response.bytes().await?.to_vec())
    }

    fn client_id(&self, claims: &Map<String, Value>) -> Option<netcode_std::ClientId> {
        let text = |claim: &str| claims.get(claim)?.as_str().filter(|it| !it.is_empty());
        let Some(claim) = &self.config.client_id_claim else {
            return Some(client_id_of(&self.config.issuer, text("sub")?));
        };
        let number = claims.get(claim)?.as_u64().map(netcode_std::ClientId);
        number.or_else(|| parse_client_id(text(claim)?))
    }
}

/// Key of this id; the only key, if a token names none.
fn find(set: &JwkSet, id: Option<&str>) -> Option<Jwk> {
    match (id, set.keys.as_slice()) {
        (Some(id), _) => set.find(id).cloned(),
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    }
}

#[async_trait]
impl Identity for Jwt {
    async fn identify(&self, headers: &HeaderMap) -> Result<Option<Caller>, IdentityError> {
        let token = bearer(headers).filter(|token| token.split('.').count() == 3);
        let Some(token) = token else {
            return Ok(None);
        };
        let header = decode_header(token).map_err(|_| IdentityError::Refused)?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(IdentityError::Refused);
        }
        let key = self.key(header.kid.as_deref()).await?;
        let key = key.ok_or(IdentityError::Refused)?;
        let key = DecodingKey::from_jwk(&key).map_err(|_| IdentityError::Refused)?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Map<String, Value>>(token, &key, &validation);
        let claims = claims.map_err(|_| IdentityError::Refused)?.claims;
        let client = self.client_id(&claims).ok_or(IdentityError::Refused)?;
        Ok(Some(Caller {
            account: format!("jwt:{client}"),
            role: Role::Player(client),
        }))
    }
}
