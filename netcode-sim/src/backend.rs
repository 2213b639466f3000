//! Backend: mints connect tokens, with the core and with code of its own, and knows whose they are.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use netcode_core::crypto::Key;
use netcode_core::token::{ConnectToken, PublicToken, TokenSpec, mint};
use netcode_core::{ClientId, ProtocolId, Timeout, UnixTime, UserData};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::wire;

pub(crate) const PROTOCOL: u64 = 0x1122_3344_5566_7788;
/// Private key at the beginning of every world, and the one after its rotation.
pub(crate) const PRIVATE_KEYS: [[u8; 32]; 2] = [[7; 32], [9; 32]];
/// Date at the beginning of every world.
pub(crate) const EPOCH: u64 = 1_700_000_000;

/// Defect of a token, made on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    /// Sealed with another private key.
    ForeignKey,
    /// Authentic, but its private part lists no address.
    Malformed,
    /// For another protocol id.
    Protocol,
    /// Not readable by a client.
    Public,
}

/// Contents of a token to mint.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) client_id: u64,
    pub(crate) created: u64,
    pub(crate) lifetime: u64,
    pub(crate) timeout: i32,
    /// Addresses that the client dials.
    pub(crate) public: Vec<SocketAddr>,
    /// Addresses by which the servers know themselves.
    pub(crate) internal: Vec<SocketAddr>,
    pub(crate) defect: Defect,
}

/// Token that was minted.
pub(crate) struct Ticket {
    pub(crate) order: Order,
    pub(crate) token: ConnectToken,
    pub(crate) expires: u64,
    pub(crate) protocol_id: u64,
    /// Private key that sealed it.
    pub(crate) key: [u8; 32],
    pub(crate) to_server: [u8; 32],
    pub(crate) to_client: [u8; 32],
    pub(crate) user_data: [u8; 256],
    pub(crate) nonce: [u8; 24],
    /// The only connection request that carries this token.
    pub(crate) request: Vec<u8>,
    /// An attacker has read it.
    pub(crate) stolen: bool,
}

pub(crate) struct Backend {
    pub(crate) tickets: Vec<Ticket>,
    by_mac: HashMap<[u8; 16], usize>,
    /// Private key that seals tokens.
    pub(crate) key: [u8; 32],
    rng: StdRng,
}

impl Backend {
    pub(crate) fn new(rng: StdRng) -> Self {
        Self {
            tickets: Vec::new(),
            by_mac: HashMap::new(),
            key: PRIVATE_KEYS[0],
            rng,
        }
    }

    /// Token with this MAC.
    pub(crate) fn find(&self, mac: &[u8]) -> Option<usize> {
        self.by_mac.get(mac).copied()
    }

    /// Token with one of these session keys, and `true` for the key from client to server.
    pub(crate) fn find_key(&self, key: &[u8; 32]) -> Option<(usize, bool)> {
        let position =
            |is: fn(&Ticket) -> &[u8; 32]| self.tickets.iter().position(|t| is(t) == key);
        let up = position(|ticket| &ticket.to_server).map(|ticket| (ticket, true));
        up.or_else(|| position(|ticket| &ticket.to_client).map(|ticket| (ticket, false)))
    }

    pub(crate) fn mint(&mut self, order: &Order) -> usize {
        let mut user_data = [0; 256];
        self.rng.fill_bytes(&mut user_data);
        let own_code = order.defect == Defect::Malformed || self.rng.random_bool(0.5);
        let token = if own_code {
            self.mint_by_hand(order, &user_data)
        } else {
            self.mint_by_core(order, &user_data)
        };
        self.enter(order, token, user_data)
    }

    fn key(&self, order: &Order) -> [u8; 32] {
        match order.defect {
            Defect::ForeignKey => [8; 32],
            _ => self.key,
        }
    }

    fn protocol(order: &Order) -> u64 {
        match order.defect {
            Defect::Protocol => PROTOCOL ^ 1,
            _ => PROTOCOL,
        }
    }

    fn mint_by_core(&mut self, order: &Order, user_data: &[u8; 256]) -> ConnectToken {
        let user_data = UserData(*user_data);
        let protocol_id = ProtocolId(Self::protocol(order));
        let created = UnixTime::from_secs(order.created);
        let spec = TokenSpec::new(
            protocol_id,
            ClientId(order.client_id),
            &order.public,
            created,
        )
        .with_lifetime(Duration::from_secs(order.lifetime))
        .with_timeout(Timeout::from_secs(order.timeout))
        .with_internal_addresses(&order.internal)
        .with_user_data(&user_data);
        let key = Key::from_bytes(self.key(order));
        mint(&spec, &key, &mut self.rng).unwrap_or_else(|error| panic!("no token: {error}"))
    }

    /// Mints a token from the standard's tables.
    fn mint_by_hand(&mut self, order: &Order, user_data: &[u8; 256]) -> ConnectToken {
        let (mut nonce, mut keys) = ([0; 24], [0; 64]);
        self.rng.fill_bytes(&mut nonce);
        self.rng.fill_bytes(&mut keys);
        let expires = order.created + order.lifetime;
        let mut private = order.client_id.to_le_bytes().to_vec();
        private.extend(order.timeout.to_le_bytes());
        if order.defect == Defect::Malformed {
            private.extend([0; 4]);
        } else {
            addresses(&order.internal, &mut private);
        }
        private.extend(keys);
        private.extend(user_data);
        private.resize(1024, 0);
        let private: [u8; 1024] = private.try_into().unwrap_or([0; 1024]);
        let protocol_id = Self::protocol(order);
        let key = self.key(order);
        let sealed = wire::seal_private(&key, protocol_id, expires, &nonce, &private);
        let mut token = wire::VERSION.to_vec();
        token.extend(protocol_id.to_le_bytes());
        token.extend(order.created.to_le_bytes());
        token.extend(expires.to_le_bytes());
        token.extend(nonce);
        token.extend(sealed);
        token.extend(order.timeout.to_le_bytes());
        addresses(&order.public, &mut token);
        token.extend(keys);
        token.resize(2048, 0);
        ConnectToken::try_from(&token[..]).unwrap_or_default()
    }

    fn enter(&mut self, order: &Order, mut token: ConnectToken, user_data: [u8; 256]) -> usize {
        let keys = match PublicToken::parse(&token) {
            Ok(public) => (
                *public.keys.client_to_server.as_bytes(),
                *public.keys.server_to_client.as_bytes(),
            ),
            Err(error) => panic!("the backend minted an invalid token: {error}"),
        };
        let mut request = vec![0];
        request.extend(&token[..21]);
        request.extend(&token[29..61]);
        request.extend(&token[61..1085]);
        let mut mac = [0; 16];
        mac.copy_from_slice(&token[1069..1085]);
        let mut nonce = [0; 24];
        nonce.copy_from_slice(&token[37..61]);
        if order.defect == Defect::Public {
            let ways: [(usize, u8); 4] = [(3, b'!'), (1089, 0), (1093, 7), (28, 0xff)];
            let (at, byte) = ways[self.rng.random_range(0..ways.len())];
            token.as_mut_bytes()[at] = byte;
        }
        let id = self.tickets.len();
        self.by_mac.insert(mac, id);
        self.tickets.push(Ticket {
            order: order.clone(),
            token,
            expires: order.created + order.lifetime,
            protocol_id: Self::protocol(order),
            key: self.key(order),
            to_server: keys.0,
            to_client: keys.1,
            user_data,
            nonce,
            request,
            stolen: false,
        });
        id
    }
}

/// Number of addresses, then each: type, IP, port. IPv6 groups are little-endian.
fn addresses(list: &[SocketAddr], out: &mut Vec<u8>) {
    out.extend(u32::try_from(list.len()).unwrap_or(0).to_le_bytes());
    for address in list {
        match address {
            SocketAddr::V4(v4) => {
                out.push(1);
                out.extend(v4.ip().octets());
            }
            SocketAddr::V6(v6) => {
                out.push(2);
                out.extend(
                    v6.ip()
                        .segments()
                        .iter()
                        .flat_map(|group| group.to_le_bytes()),
                );
            }
        }
        out.extend(address.port().to_le_bytes());
    }
}
