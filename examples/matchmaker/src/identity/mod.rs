//! **Identities**: ways to recognize the caller of a request. To put the service behind your own
//! login, implement [`Identity`] and pass it to [`Identities::new`] in `main.rs`. Nothing else needs
//! to change.
//!
//! An implementation looks at the headers of a request. It finds the credential that it knows (a
//! session cookie, a bearer token) and checks it with whatever your website uses: a session table,
//! a call to your account service. This is a whole one, for a session cookie of an existing site:
//!
//! ```
//! use async_trait::async_trait;
//! use axum::http::{HeaderMap, header};
//! use matchmaker::identity::{Caller, Identity, IdentityError, Role};
//! use netcode_std::ClientId;
//!
//! struct MySite; // A pool of database connections, say.
//!
//! impl MySite {
//!     /// The user with this session. Yours asks the database.
//!     async fn user(&self, session: &str) -> Option<u64> {
//!         (session == "open sesame").then_some(7)
//!     }
//! }
//!
//! #[async_trait]
//! impl Identity for MySite {
//!     async fn identify(&self, headers: &HeaderMap) -> Result<Option<Caller>, IdentityError> {
//!         let cookies = headers.get(header::COOKIE).and_then(|value| value.to_str().ok());
//!         let mut pairs = cookies.unwrap_or("").split("; ").filter_map(|it| it.split_once('='));
//!         let Some((_, session)) = pairs.find(|(name, _)| *name == "my_session") else {
//!             return Ok(None); // Not one of ours: the next identity is asked.
//!         };
//!         let user = self.user(session).await.ok_or(IdentityError::Refused)?;
//!         Ok(Some(Caller {
//!             account: format!("user:{user}"),
//!             role: Role::Player(ClientId(user)),
//!         }))
//!     }
//! }
//! # let headers: HeaderMap = [(header::COOKIE, "a=b; my_session=open sesame".parse().unwrap())]
//! #     .into_iter().collect();
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # let caller = runtime.block_on(MySite.identify(&headers)).unwrap().unwrap();
//! # assert_eq!(caller.account, "user:7");
//! ```
//!
//! Three rules:
//!
//! - The client id is the player's for good, and nobody else's: servers know players by it.
//!   [`client_id_of`] makes one from a name or a UUID.
//! - A request that a browser sends by itself, with a cookie, must be protected against other
//!   sites: a `SameSite` cookie, as here. A bearer token needs nothing.
//! - An error is [`IdentityError::Refused`] if the credential is wrong, and
//!   [`IdentityError::Unavailable`] if that cannot be known now.
//!
//! | file | implementation |
//! | --- | --- |
//! | `accounts` | the site's own accounts: names, passwords, session cookies |
//! | `api_keys` | keys of services, servers and bots, from a file that holds their hashes |
//! | `jwt` | JSON Web Tokens of an identity provider |
//! | `credentials` | the file of API keys and devices |
//! | `devices` | registered devices, which are known by their public keys |

mod accounts;
mod api_keys;
mod credentials;
mod devices;
mod jwt;

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest;
use axum::http::{HeaderMap, header};
use netcode_std::ClientId;

pub use self::accounts::{Accounts, Opened, is_of_this_site};
pub use self::api_keys::{ApiKey, ApiKeys};
pub use self::credentials::Credentials;
pub use self::devices::{Device, Devices};
pub use self::jwt::{Jwt, JwtConfig, KeySource};
use crate::api::{Code, Refusal};

/// One way to recognize a caller.
#[async_trait]
pub trait Identity: Send + Sync {
    /// Recognizes the caller of a request by its headers. `None`: the request has no credential of
    /// this kind.
    ///
    /// # Errors
    /// The credential is not accepted, or that cannot be known now.
    async fn identify(&self, headers: &HeaderMap) -> Result<Option<Caller>, IdentityError>;
}

/// Caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Name for rate limits and logs, not secret.
    pub account: String,
    /// Permissions.
    pub role: Role,
}

/// Permissions of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Player: gets tokens for this client id.
    Player(ClientId),
    /// Dedicated server: sends the heartbeats of the server that its account names, and of those
    /// whose names begin with that and a hyphen.
    Server,
    /// Operator: reads the list of servers and the metrics.
    Admin,
}

/// Reason for which a caller is not recognized.
#[derive(Debug)]
pub enum IdentityError {
    /// The credential is wrong, expired or revoked.
    Refused,
    /// The credential cannot be checked now. The text goes to the log.
    Unavailable(String),
}

/// All ways to recognize a caller, asked in order.
pub struct Identities(Vec<Arc<dyn Identity>>);

impl Identities {
    /// Identities in the order in which they are asked.
    pub fn new(all: Vec<Arc<dyn Identity>>) -> Self {
        Self(all)
    }

    /// Recognizes the caller of a request.
    ///
    /// # Errors
    /// `unauthenticated`, or `unavailable`.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let unauthenticated = |detail| Err(Refusal::new(Code::Unauthenticated, detail));
        for identity in &self.0 {
            match identity.identify(headers).await {
                Ok(Some(caller)) => return Ok(caller),
                Ok(None) => {}
                Err(IdentityError::Refused) => {
                    return unauthenticated("the credential is wrong or expired: sign in again");
                }
                Err(IdentityError::Unavailable(cause)) => {
                    return Err(Refusal::unavailable("the check of credentials", &cause));
                }
            }
        }
        unauthenticated("sign in, or send a credential in the header Authorization")
    }
}

/// Client id of an account that has a name: the first 64 bits of the SHA-256 of issuer and name.
/// Among a million accounts, two share an id with a probability of 3 in 100 million.
pub fn client_id_of(issuer: &str, name: &str) -> ClientId {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(issuer.as_bytes());
    hash.update(&[0]);
    hash.update(name.as_bytes());
    let first = hash.finish().as_ref().first_chunk().copied();
    ClientId(u64::from_be_bytes(first.unwrap_or_default()))
}

/// Bearer token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
