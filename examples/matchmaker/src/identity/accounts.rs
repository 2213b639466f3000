//! The site's own accounts: a name and a password, and sessions by cookie.
//!
//! - Passwords are hashed by Argon2id with the parameters that OWASP recommends. A name that has no
//!   account costs the same time as a wrong password.
//! - A session is 256 random bits in a cookie that scripts cannot read, that no other host can set
//!   (`__Host-`), and that no other site makes a browser send (`SameSite=Strict`). The state has its
//!   SHA-256 alone.
//! - A request counts as a session's only if the browser says that a page of this site sent it
//!   (`Sec-Fetch-Site`, or `Origin` where a browser has no such header): other sites, also those on
//!   other hosts of the same domain, can do nothing in a player's name.

use std::sync::Arc;
use std::time::Duration;

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};
use async_trait::async_trait;
use aws_lc_rs::{digest, rand};
use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use netcode_std::ClientId;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Caller, Identity, IdentityError, Role};
use crate::api::{Code, Refusal};
use crate::store::{RecordKey, Store};

const COOKIE: &str = "__Host-session";
/// Lifetime of a session.
const SESSION: Duration = Duration::from_secs(7 * 24 * 3600);
const ACCOUNTS: &str = "account";
const SESSIONS: &str = "session";

/// Shortest and longest password, bytes.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 10..=128;
/// Shortest and longest name, bytes.
const NAME_BYTES: std::ops::RangeInclusive<usize> = 3..=20;
/// Passwords that are hashed at a time, 19 MiB each.
const HASHES: usize = 4;

/// Accounts and sessions, in the service's state.
pub struct Accounts {
    store: Arc<dyn Store>,
    hashes: Arc<Semaphore>,
    /// Hash of no password, for names without an account.
    decoy: String,
}

#[derive(Serialize, Deserialize)]
struct Account {
    client_id: u64,
    password: String,
}

/// Session, as its record has it.
#[derive(Serialize, Deserialize)]
struct Session {
    name: String,
    client_id: u64,
}

/// Session that was opened: the value of `Set-Cookie`.
pub struct Opened(pub HeaderValue);

impl Accounts {
    /// Accounts in a state.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let decoy = hash("no password").map_err(|refusal| anyhow::anyhow!(refusal.detail))?;
        Ok(Self {
            store,
            hashes: Arc::new(Semaphore::new(HASHES)),
            decoy,
        })
    }

    /// Creates an account and opens its first session.
    ///
    /// # Errors
    /// `invalid-request`, `name-taken`, or `unavailable`.
    pub async fn sign_up(&self, name: &str, password: String) -> Result<Opened, Refusal> {
        check(name, &password)?;
        let account = Account {
            client_id: u64::from_be_bytes(random()?),
            password: self.with_place(move || hash(&password)).await??,
        };
        let record = json(&account)?;
        let key = RecordKey::new(ACCOUNTS, name);
        if !self.store.create_record(&key, &record, None).await? {
            let detail = "this name is taken: choose another";
            return Err(Refusal::new(Code::NameTaken, detail));
        }
        self.open(name, account.client_id).await
    }

    /// Opens a session.
    ///
    /// # Errors
    /// `unauthenticated` for a wrong name or password, without saying which; `unavailable`.
    pub async fn sign_in(&self, name: &str, password: String) -> Result<Opened, Refusal> {
        let record = self.store.record(&RecordKey::new(ACCOUNTS, name)).await?;
        let account = record.and_then(|text| serde_json::from_str::<Account>(&text).ok());
        let hashed = account.as_ref().map_or(&self.decoy, |it| &it.password);
        let hashed = hashed.clone();
        let right = self.with_place(move || verify(&password, &hashed)).await?;
        match account {
            Some(account) if right => self.open(name, account.client_id).await,
            _ => {
                let detail = "the name or the password is wrong";
                Err(Refusal::new(Code::Unauthenticated, detail))
            }
        }
    }

    /// Ends the session of a request, and returns a value of `Set-Cookie` that removes the cookie.
    ///
    /// # Errors
    /// `unavailable`: the session goes on.
    pub async fn sign_out(&self, headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
        if let Some(token) = cookie(headers) {
            self.store.remove_record(&session_key(token)).await?;
        }
        set_cookie("", Duration::ZERO)
    }

    async fn open(&self, name: &str, client_id: u64) -> Result<Opened, Refusal> {
        let token = BASE64_URL_SAFE_NO_PAD.encode(random::<32>()?);
        let session = json(&Session {
            name: name.to_owned(),
            client_id,
        })?;
        let key = session_key(&token);
        self.store
            .create_record(&key, &session, Some(SESSION))
            .await?;
        Ok(Opened(set_cookie(&token, SESSION)?))
    }

    /// Hashes on a thread that may block. It has its place until it is done: who hangs up at once
    /// does not make room for another.
    async fn with_place<T: Send + 'static>(
        &self,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.place()?;
        let hashed = tokio::task::spawn_blocking(move || {
            let hashed = hash();
            drop(place);
            hashed
        });
        hashed.await.map_err(|error| Refusal::internal(&error))
    }

    /// Room for one more hash. A flood of sign-ins is refused rather than given all memory.
    fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.hashes).try_acquire_owned().map_err(|_| {
            let detail = "too many people sign in at once; try again";
            Refusal::new(Code::Unavailable, detail).retry_after(Duration::from_secs(1))
        })
    }

    /// Name of the account whose session a request has, if it has one.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn name(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        match self.session(headers).await {
            Ok(session) => Ok(session.map(|session| session.name)),
            Err(IdentityError::Refused) => Ok(None),
            Err(IdentityError::Unavailable(cause)) => {
                Err(Refusal::unavailable("the state", &cause))
            }
        }
    }

    async fn session(&self, headers: &HeaderMap) -> Result<Option<Session>, IdentityError> {
        let Some(token) = cookie(headers) else {
            return Ok(None);
        };
        if !is_of_this_site(headers) {
            return Err(IdentityError::Refused);
        }
        let record = self.store.record(&session_key(token)).await;
        let record = record.map_err(|error| IdentityError::Unavailable(error.to_string()))?;
        let session = record.and_then(|text| serde_json::from_str(&text).ok());
        session.map(Some).ok_or(IdentityError::Refused)
    }
}

#[async_trait]
impl Identity for Accounts {
    async fn identify(&self, headers: &HeaderMap) -> Result<Option<Caller>, IdentityError> {
        let session = self.session(headers).await?;
        Ok(session.map(|session| Caller {
            account: format!("account:{}", session.name),
            role: Role::Player(ClientId(session.client_id)),
        }))
    }
}

/// `true` if a browser says that a page of this very site sent the request.
pub fn is_of_this_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    matches!((origin, text("host")), (Some((_, origin)), Some(host)) if origin == host)
}

fn check(name: &str, password: &str) -> Result<(), Refusal> {
    let invalid = |detail| Err(Refusal::new(Code::InvalidRequest, detail));
    let letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-_".contains(&it);
    if !NAME_BYTES.contains(&name.len()) || !name.bytes().all(letter) {
        return invalid("name: 3 to 20 lowercase letters, digits, hyphens and underscores");
    }
    if !PASSWORD_BYTES.contains(&password.len()) {
        return invalid("password: 10 to 128 bytes");
    }
    Ok(())
}

fn hash(password: &str) -> Result<String, Refusal> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    let hash = hash.map_err(|error| Refusal::internal(&error))?;
    Ok(hash.to_string())
}

fn verify(password: &str, hash: &str) -> bool {
    let right = |hash| Argon2::default().verify_password(password.as_bytes(), &hash);
    PasswordHash::new(hash).is_ok_and(|hash| right(hash).is_ok())
}

fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Refusal::internal(&"no randomness"))?;
    Ok(bytes)
}

fn json(value: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(|error| Refusal::internal(&error))
}

fn session_key(token: &str) -> RecordKey {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    RecordKey::new(SESSIONS, hex::encode(hash))
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let mut pairs = texts
        .flat_map(|text| text.split(';'))
        .filter_map(|it| it.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| token)
}

fn set_cookie(token: &str, lifetime: Duration) -> Result<HeaderValue, Refusal> {
    let seconds = lifetime.as_secs();
    let cookie =
        format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(cookie).map_err(|error| Refusal::internal(&error))
}
