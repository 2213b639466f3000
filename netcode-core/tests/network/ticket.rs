//! Tokens for tests.

use std::net::SocketAddr;

use netcode_core::crypto::Key;
use netcode_core::standard::CONNECT_TOKEN_BYTES;
use netcode_core::token::{TokenSpec, mint};
use netcode_core::{ClientId, ProtocolId, Timeout, UnixTime, UserData};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{EPOCH, PROTOCOL, key, server_address};

/// What a token is minted with; change what the test is about.
pub struct Ticket {
    pub id: u64,
    pub created: u64,
    pub lifetime: u64,
    pub timeout: i32,
    pub servers: Vec<SocketAddr>,
    pub internal: Vec<SocketAddr>,
    pub seed: u64,
}

impl Ticket {
    pub fn new(id: u64) -> Self {
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

    pub fn mint(&self) -> [u8; CONNECT_TOKEN_BYTES] {
        self.mint_with(PROTOCOL, &key())
    }

    pub fn mint_with(&self, protocol_id: ProtocolId, key: &Key) -> [u8; CONNECT_TOKEN_BYTES] {
        let mut user_data = UserData::ZERO;
        user_data.0[..8].copy_from_slice(&self.id.to_le_bytes());
        let mut token = [0; CONNECT_TOKEN_BYTES];
        let spec = TokenSpec {
            protocol_id,
            client_id: ClientId(self.id),
            created: UnixTime::from_secs(self.created),
            expires: UnixTime::from_secs(self.created + self.lifetime),
            timeout: Timeout::from_secs(self.timeout),
            public_addresses: &self.servers,
            internal_addresses: &self.internal,
            user_data: &user_data,
        };
        mint(
            &spec,
            key,
            &mut StdRng::seed_from_u64(self.seed),
            &mut token,
        )
        .unwrap();
        token
    }
}
