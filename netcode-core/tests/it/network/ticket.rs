//! Connect tokens for tests.

use std::net::SocketAddr;
use std::time::Duration;

use netcode_core::crypto::Key;
use netcode_core::token::{ConnectToken, TokenSpec, mint};
use netcode_core::{ClientId, ProtocolId, Timeout, UnixTime, UserData};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{EPOCH, PROTOCOL, key, server_address};

/// Contents of a test's token; each test changes what it is about.
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) created: u64,
    pub(crate) lifetime: u64,
    pub(crate) timeout: i32,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) internal: Vec<SocketAddr>,
    pub(crate) seed: u64,
}

impl Ticket {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            created: EPOCH.as_secs(),
            lifetime: 45,
            timeout: 5,
            servers: vec![server_address()],
            internal: vec![],
            seed: id,
        }
    }

    pub(crate) fn mint(&self) -> ConnectToken {
        self.mint_with(PROTOCOL, &key())
    }

    pub(crate) fn mint_with(&self, protocol_id: ProtocolId, key: &Key) -> ConnectToken {
        let mut user_data = UserData::ZERO;
        user_data.0[..8].copy_from_slice(&self.id.to_le_bytes());
        let created = UnixTime::from_secs(self.created);
        let spec = TokenSpec::new(protocol_id, ClientId(self.id), &self.servers, created)
            .with_lifetime(Duration::from_secs(self.lifetime))
            .with_timeout(Timeout::from_secs(self.timeout))
            .with_internal_addresses(&self.internal)
            .with_user_data(&user_data);
        mint(&spec, key, &mut StdRng::seed_from_u64(self.seed)).unwrap()
    }
}
