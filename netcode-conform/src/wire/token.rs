//! Connect tokens: the private part, the public token, and the connection request. (Standard:
//! *Connect Token Structure*, *Connection Request Packet*.)

use std::net::SocketAddr;

use super::{Key, Keys, UserData, VERSION, seal_xchacha, write_address};

/// Length of the sealed private part.
pub(crate) const PRIVATE_BYTES: usize = 1024;
/// Length of the private part before it is sealed.
pub(crate) const PRIVATE_PLAIN_BYTES: usize = 1008;
/// Length of a connect token.
pub(crate) const TOKEN_BYTES: usize = 2048;
/// Length of a connection request.
pub(crate) const REQUEST_BYTES: usize = 1078;

/// Fields of a connect token. The lists of both parts are the same unless `public_addresses` is
/// set.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) protocol_id: u64,
    pub(crate) created: u64,
    pub(crate) expires: u64,
    pub(crate) nonce: [u8; 24],
    pub(crate) client_id: u64,
    pub(crate) timeout: i32,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) keys: Keys,
    pub(crate) user_data: UserData,
}

impl Token {
    /// The private part before it is sealed.
    pub(crate) fn private_plain(&self) -> Vec<u8> {
        let mut plain = Vec::with_capacity(PRIVATE_PLAIN_BYTES);
        plain.extend(self.client_id.to_le_bytes());
        plain.extend(self.timeout.to_le_bytes());
        self.write_addresses(&mut plain);
        plain.extend(self.keys.client_to_server);
        plain.extend(self.keys.server_to_client);
        plain.extend(self.user_data);
        plain.resize(PRIVATE_PLAIN_BYTES, 0);
        plain
    }

    fn write_addresses(&self, to: &mut Vec<u8>) {
        let count = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
        to.extend(count.to_le_bytes());
        for address in &self.addresses {
            write_address(to, address);
        }
    }

    /// Associated data of the private part.
    fn associated(&self) -> Vec<u8> {
        associated_data(VERSION, self.protocol_id, self.expires)
    }

    /// The private part, sealed.
    pub(crate) fn private(&self, key: &Key) -> Vec<u8> {
        seal_private(key, &self.nonce, &self.associated(), &self.private_plain())
    }

    /// A connection request with this private part, sealed or not.
    pub(crate) fn request_with(&self, private: &[u8]) -> Vec<u8> {
        let mut datagram = vec![0];
        datagram.extend(VERSION);
        datagram.extend(self.protocol_id.to_le_bytes());
        datagram.extend(self.expires.to_le_bytes());
        datagram.extend(self.nonce);
        datagram.extend(private);
        datagram
    }

    /// The connection request.
    pub(crate) fn request(&self, key: &Key) -> Vec<u8> {
        self.request_with(&self.private(key))
    }

    /// A connection request whose private part is authentic and has other contents.
    pub(crate) fn request_of_plain(&self, key: &Key, plain: &[u8]) -> Vec<u8> {
        self.request_with(&seal_private(key, &self.nonce, &self.associated(), plain))
    }

    /// The connect token, as the backend gives it to a client.
    pub(crate) fn public(&self, key: &Key) -> Vec<u8> {
        let mut token = VERSION.to_vec();
        token.extend(self.protocol_id.to_le_bytes());
        token.extend(self.created.to_le_bytes());
        token.extend(self.expires.to_le_bytes());
        token.extend(self.nonce);
        token.extend(self.private(key));
        token.extend(self.timeout.to_le_bytes());
        self.write_addresses(&mut token);
        token.extend(self.keys.client_to_server);
        token.extend(self.keys.server_to_client);
        token.resize(TOKEN_BYTES, 0);
        token
    }
}

/// Associated data of a private part.
pub(crate) fn associated_data(version: &[u8], protocol_id: u64, expires: u64) -> Vec<u8> {
    let mut data = version.to_vec();
    data.extend(protocol_id.to_le_bytes());
    data.extend(expires.to_le_bytes());
    data
}

/// Seals a private part of any contents.
pub(crate) fn seal_private(
    key: &Key,
    nonce: &[u8; 24],
    associated: &[u8],
    plain: &[u8],
) -> Vec<u8> {
    seal_xchacha(key, nonce, associated, plain)
}
