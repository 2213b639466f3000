//! The web backend: tokens without authentication. A real backend authenticates the user first, and
//! keeps its key in a file: see `netcode keygen`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Result;
use netcode_std::core::crypto::Key;
use netcode_std::core::server::RestartRule;
use netcode_std::core::token::{ConnectToken, TokenSpec, mint};
use netcode_std::core::{ClientId, ProtocolId, Timeout, UserData};
use netcode_std::{KeyFile, generator, unix_time};

use crate::messages::{BROWSER, DESKTOP};

pub(crate) const PROTOCOL_ID: ProtocolId = ProtocolId(0x6e65_7463_6f64_6557);

/// Lifetime of a token.
const LIFETIME: Duration = Duration::from_secs(45);

/// After so long a silence a session ends, seconds.
const TIMEOUT_SECS: i32 = 10;

/// The key, before there is a server.
pub(crate) struct Tokens {
    pub(crate) key: Key,
    /// Tokens from before the server's start.
    pub(crate) restart_rule: RestartRule,
}

/// First id of desktops. Those of visitors are smaller.
const FIRST_DESKTOP: u64 = 1 << 32;

/// Hands out tokens for one server.
pub(crate) struct Mint {
    key: Key,
    server: SocketAddr,
    next_desktop: Mutex<u64>,
}

impl Tokens {
    pub(crate) fn draw() -> Result<Self> {
        Ok(Self {
            key: Key::generate(&mut generator()?),
            // No token is older than the key.
            restart_rule: RestartRule::AdmitAgain,
        })
    }

    /// The key of a web backend, whose tokens live for a minute at most.
    pub(crate) fn of_backend(file: &Path) -> Result<Self> {
        let max_token_lifetime = Duration::from_secs(60);
        Ok(Self {
            key: KeyFile::read(file)?.key,
            restart_rule: RestartRule::RefuseOlder { max_token_lifetime },
        })
    }

    pub(crate) fn for_server(self, server: SocketAddr) -> Mint {
        Mint {
            key: self.key,
            server,
            next_desktop: Mutex::new(FIRST_DESKTOP),
        }
    }
}

impl Mint {
    /// A token for a visitor. A real backend takes the id from the visitor's session.
    pub(crate) fn for_visitor(&self, visitor: u32) -> Result<ConnectToken> {
        self.token(ClientId(visitor.into()), BROWSER)
    }

    /// A token for a desktop, with an id of its own.
    pub(crate) fn for_desktop(&self) -> Result<ConnectToken> {
        self.token(self.next_desktop(), DESKTOP)
    }

    fn token(&self, id: ClientId, kind: u8) -> Result<ConnectToken> {
        let now = unix_time();
        let servers = [self.server];
        let user_data = UserData::from_slice(&[kind])?;
        let spec = TokenSpec::new(PROTOCOL_ID, id, &servers, now)
            .with_lifetime(LIFETIME)
            .with_timeout(Timeout::from_secs(TIMEOUT_SECS))
            .with_user_data(&user_data);
        Ok(mint(&spec, &self.key, &mut generator()?)?)
    }

    fn next_desktop(&self) -> ClientId {
        let mut next = self
            .next_desktop
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let id = *next;
        *next = id.wrapping_add(1);
        ClientId(id)
    }
}
