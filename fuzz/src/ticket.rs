//! Connect tokens whose keys the fuzzer holds.

use std::net::{IpAddr, SocketAddr};

use netcode_core::token::PrivateToken;

use crate::forge::{Edits, PRIVATE_KEY, PROTOCOL_ID, Packet, VERSION, seal_private};

/// Contents of a connect token, and the fuzzer's side of its session.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub client_id: u64,
    pub protocol_id: u64,
    pub created: u64,
    pub expires: u64,
    pub timeout: i32,
    pub servers: Vec<SocketAddr>,
    pub client_to_server: [u8; 32],
    pub server_to_client: [u8; 32],
    pub nonce: [u8; 24],
    /// Private key that seals it.
    pub key: [u8; 32],
    /// Private part as minted; another one only in tickets of [`changed`](Self::changed).
    plain: Option<Vec<u8>>,
    /// Sequence of the next packet that the fuzzer seals under this ticket.
    pub sequence: u64,
    /// Latest challenge received: its sequence and its token.
    pub challenge: (u64, Vec<u8>),
}

impl Ticket {
    /// Ticket whose keys and nonce are made of its number.
    pub fn new(number: u8, client_id: u64, expires: u64, servers: &[SocketAddr]) -> Self {
        Self {
            client_id,
            protocol_id: PROTOCOL_ID,
            created: expires.saturating_sub(60),
            expires,
            timeout: 5,
            servers: servers.to_vec(),
            client_to_server: [number.wrapping_mul(2); 32],
            server_to_client: [number.wrapping_mul(2).wrapping_add(1); 32],
            nonce: [number; 24],
            key: PRIVATE_KEY,
            plain: None,
            sequence: 0,
            challenge: (0, vec![0; 300]),
        }
    }

    /// Packet with the next sequence.
    pub fn next_packet(&mut self, kind: u8, body: Vec<u8>) -> Packet {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Packet {
            kind,
            sequence,
            sequence_bytes: None,
            body,
        }
    }

    pub fn with_timeout(mut self, seconds: i32) -> Self {
        self.timeout = seconds;
        self
    }

    pub fn sealed_with(mut self, key: [u8; 32]) -> Self {
        self.key = key;
        self
    }

    /// Ticket of a number not used before, whose private part was changed before it was sealed.
    pub fn changed(&self, number: u8, edits: Edits) -> Self {
        let mut other = Self::new(number, self.client_id, self.expires, &self.servers)
            .with_timeout(self.timeout)
            .sealed_with(self.key);
        let mut plain = other.private_fields();
        edits.apply(&mut plain);
        plain.resize(1008, 0);
        let opened = [&plain[..], &[0; 16]].concat();
        if let Ok(token) = PrivateToken::parse(opened.first_chunk().expect("1024 bytes")) {
            other.client_id = token.client_id.0;
            other.client_to_server = *token.keys.client_to_server.as_bytes();
            other.server_to_client = *token.keys.server_to_client.as_bytes();
        }
        other.plain = Some(plain);
        other
    }

    fn private_fields(&self) -> Vec<u8> {
        if let Some(plain) = &self.plain {
            return plain.clone();
        }
        let mut fields = self.client_id.to_le_bytes().to_vec();
        fields.extend(self.timeout.to_le_bytes());
        write_addresses(&self.servers, &mut fields);
        fields.extend(self.client_to_server);
        fields.extend(self.server_to_client);
        fields.extend([0x17; 256]);
        fields.resize(1008, 0);
        fields
    }

    fn private_part(&self) -> Vec<u8> {
        let plain = self.private_fields();
        let Self {
            key,
            nonce,
            protocol_id,
            expires,
            ..
        } = self;
        seal_private(key, &plain, nonce, *protocol_id, *expires)
    }

    /// Connection request. (*Connection Request Packet*.)
    pub fn request(&self) -> Vec<u8> {
        let mut request = vec![0];
        request.extend(VERSION);
        request.extend(self.protocol_id.to_le_bytes());
        request.extend(self.expires.to_le_bytes());
        request.extend(self.nonce);
        request.extend(self.private_part());
        request
    }

    /// Connect token. (*Connect Token*.)
    pub fn token(&self) -> Vec<u8> {
        let mut token = VERSION.to_vec();
        for field in [self.protocol_id, self.created, self.expires] {
            token.extend(field.to_le_bytes());
        }
        token.extend(self.nonce);
        token.extend(self.private_part());
        token.extend(self.timeout.to_le_bytes());
        write_addresses(&self.servers, &mut token);
        token.extend(self.client_to_server);
        token.extend(self.server_to_client);
        token.resize(2048, 0);
        token
    }

    /// Opens a packet from the server.
    pub fn open_from_server(&self, datagram: &[u8]) -> Option<Packet> {
        Packet::open(&self.server_to_client, self.protocol_id, datagram)
    }

    /// Opens a packet from the client.
    pub fn open_from_client(&self, datagram: &[u8]) -> Option<Packet> {
        Packet::open(&self.client_to_server, self.protocol_id, datagram)
    }

    /// Body that answers the latest challenge.
    pub fn response_body(&self) -> Vec<u8> {
        [&self.challenge.0.to_le_bytes()[..], &self.challenge.1].concat()
    }

    /// Keeps the challenge in this body.
    pub fn keep_challenge(&mut self, body: &[u8]) {
        let (sequence, token) = body.split_first_chunk().expect("a challenge has 308 bytes");
        self.challenge = (u64::from_le_bytes(*sequence), token.to_vec());
    }
}

/// Number of addresses, then each: type, octets or little-endian groups, port.
fn write_addresses(addresses: &[SocketAddr], out: &mut Vec<u8>) {
    out.extend(u32::try_from(addresses.len()).unwrap().to_le_bytes());
    for address in addresses {
        match address.ip() {
            IpAddr::V4(ip) => {
                out.push(1);
                out.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(2);
                out.extend(ip.segments().into_iter().flat_map(u16::to_le_bytes));
            }
        }
        out.extend(address.port().to_le_bytes());
    }
}
