//! File format of the test vectors. Unknown fields and types are rejected.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de::Error as _};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vectors {
    pub(crate) connect_tokens: Vec<ConnectTokenCase>,
    pub(crate) challenge_tokens: Vec<ChallengeTokenCase>,
    pub(crate) packets: Vec<PacketCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectTokenCase {
    #[serde(deserialize_with = "number")]
    pub(crate) client_id: u64,
    pub(crate) timeout_seconds: i32,
    #[serde(deserialize_with = "number")]
    pub(crate) protocol_id: u64,
    pub(crate) create_timestamp: u64,
    pub(crate) expire_timestamp: u64,
    pub(crate) server_addresses: Vec<std::net::SocketAddr>,
    #[serde(deserialize_with = "bytes")]
    pub(crate) client_to_server_key: [u8; 32],
    #[serde(deserialize_with = "bytes")]
    pub(crate) server_to_client_key: [u8; 32],
    #[serde(deserialize_with = "bytes")]
    pub(crate) user_data: [u8; 256],
    #[serde(deserialize_with = "bytes")]
    pub(crate) private_key: [u8; 32],
    #[serde(deserialize_with = "bytes")]
    pub(crate) nonce: [u8; 24],
    #[serde(deserialize_with = "bytes")]
    pub(crate) private_plaintext_1008: [u8; 1008],
    #[serde(deserialize_with = "bytes")]
    pub(crate) private_encrypted: [u8; 1024],
    #[serde(deserialize_with = "bytes")]
    pub(crate) connect_token: [u8; 2048],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeTokenCase {
    #[serde(deserialize_with = "number")]
    pub(crate) client_id: u64,
    #[serde(deserialize_with = "number")]
    pub(crate) sequence: u64,
    #[serde(deserialize_with = "bytes")]
    pub(crate) user_data: [u8; 256],
    #[serde(deserialize_with = "bytes")]
    pub(crate) key: [u8; 32],
    #[serde(deserialize_with = "bytes")]
    pub(crate) encrypted: [u8; 300],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PacketCase {
    #[serde(rename = "type")]
    pub(crate) kind: u8,
    #[serde(deserialize_with = "number")]
    pub(crate) sequence: u64,
    #[serde(deserialize_with = "number")]
    pub(crate) protocol_id: u64,
    #[serde(deserialize_with = "bytes")]
    pub(crate) key: [u8; 32],
    #[serde(deserialize_with = "text")]
    pub(crate) datagram: Vec<u8>,
    // Fields of the types; each type has some of them.
    pub(crate) expire_timestamp: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) challenge_sequence: Option<String>,
    pub(crate) challenge_token: Option<String>,
    pub(crate) client_index: Option<u32>,
    pub(crate) max_clients: Option<u32>,
    pub(crate) payload: Option<String>,
}

/// Fields that belong to one type alone.
pub(crate) enum Body {
    Request {
        expires: u64,
        nonce: [u8; 24],
        private: Box<[u8; 1024]>,
    },
    Empty,
    Challenge {
        sequence: u64,
        token: Box<[u8; 300]>,
    },
    KeepAlive {
        client_index: u32,
        max_clients: u32,
    },
    Payload(Vec<u8>),
}

impl PacketCase {
    /// Reads the fields of the type; a missing or additional one is an error.
    pub(crate) fn body(&self) -> Body {
        let array = |text: &Option<String>| hex::decode(text.as_deref().unwrap()).unwrap();
        let number = |text: &Option<String>| text.as_deref().unwrap().parse().unwrap();
        let present = [
            self.expire_timestamp.is_some(),
            self.nonce.is_some(),
            self.data.is_some(),
            self.challenge_sequence.is_some(),
            self.challenge_token.is_some(),
            self.client_index.is_some(),
            self.max_clients.is_some(),
            self.payload.is_some(),
        ]
        .map(u8::from);
        let (body, expected) = match self.kind {
            0 => (
                Body::Request {
                    expires: number(&self.expire_timestamp),
                    nonce: array(&self.nonce).try_into().unwrap(),
                    private: array(&self.data).into_boxed_slice().try_into().unwrap(),
                },
                [1, 1, 1, 0, 0, 0, 0, 0],
            ),
            1 | 6 => (Body::Empty, [0; 8]),
            2 | 3 => (
                Body::Challenge {
                    sequence: number(&self.challenge_sequence),
                    token: array(&self.challenge_token)
                        .into_boxed_slice()
                        .try_into()
                        .unwrap(),
                },
                [0, 0, 0, 1, 1, 0, 0, 0],
            ),
            4 => (
                Body::KeepAlive {
                    client_index: self.client_index.unwrap(),
                    max_clients: self.max_clients.unwrap(),
                },
                [0, 0, 0, 0, 0, 1, 1, 0],
            ),
            5 => (
                Body::Payload(array(&self.payload)),
                [0, 0, 0, 0, 0, 0, 0, 1],
            ),
            other => panic!("a packet of type {other}"),
        };
        assert_eq!(
            present, expected,
            "fields of a packet of type {}",
            self.kind
        );
        body
    }
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(D::Error::custom)
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    hex::decode(text).map_err(D::Error::custom)
}

fn bytes<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u8; N], D::Error> {
    let bytes = text(from)?;
    let len = bytes.len();
    bytes
        .try_into()
        .map_err(|_| D::Error::custom(format!("{len} bytes instead of {N}")))
}

/// File named by `NETCODE_VECTORS`, by default the project's own.
pub(crate) fn load() -> Vectors {
    let own =
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/netcode-1.02.json");
    let path = std::env::var_os("NETCODE_VECTORS").map_or_else(own, PathBuf::from);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
