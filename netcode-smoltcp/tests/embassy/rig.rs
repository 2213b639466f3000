//! Devices on a wire: a stack each, and clients and servers on their sockets.

use std::net::SocketAddr;

use netcode_smoltcp::core::address::AddressList;
use netcode_smoltcp::core::crypto::Key;
use netcode_smoltcp::core::server::{RestartRule, ServerConfig, StaticStorage};
use netcode_smoltcp::core::token::{ConnectToken, TokenSpec, mint};
use netcode_smoltcp::core::{ClientId, ClientIndex, ProtocolId, Timeout, UnixTime};
use netcode_smoltcp::embassy::embassy_net::udp::{PacketMetadata, UdpSocket};
use netcode_smoltcp::embassy::embassy_net::{
    self, Config, Ipv4Address, Ipv4Cidr, Ipv6Address, Ipv6Cidr, Runner, Stack, StackResources,
    StaticConfigV4, StaticConfigV6,
};
use netcode_smoltcp::embassy::{Client, Server};
use netcode_smoltcp::{
    CLIENT_RX_BYTES, CLIENT_RX_PACKETS, CLIENT_TX_BYTES, CLIENT_TX_PACKETS, REPLY_TX_BYTES,
    REPLY_TX_PACKETS, SESSION_TX_BYTES, SESSION_TX_PACKETS, server_rx_bytes, server_rx_packets,
    server_sockets,
};
use rand::SeedableRng;

use crate::wire::{Card, SharedWire};

pub const UNIX: UnixTime = UnixTime::from_secs(1_700_000_000);
pub const SLOTS: usize = 3;
pub const SOCKETS: usize = server_sockets(SLOTS);
pub const SLOT: ClientIndex = ClientIndex(0);
pub const TIMEOUT_SECS: i32 = 3;

pub fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

pub fn key() -> Key {
    Key::from_bytes([7; 32])
}

#[derive(Clone, Copy)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn config(self, host: u8) -> Config {
        match self {
            Self::V4 => Config::ipv4_static(StaticConfigV4 {
                address: Ipv4Cidr::new(Ipv4Address::new(10, 0, 0, host), 8),
                gateway: None,
                dns_servers: Default::default(),
            }),
            Self::V6 => Config::ipv6_static(StaticConfigV6 {
                address: Ipv6Cidr::new(Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, host.into()), 64),
                gateway: None,
                dns_servers: Default::default(),
            }),
        }
    }

    pub fn server(self) -> SocketAddr {
        match self {
            Self::V4 => "10.0.0.1:40000".parse().unwrap(),
            Self::V6 => "[fd00::1]:40000".parse().unwrap(),
        }
    }
}

pub fn token(server: SocketAddr, seed: u64) -> ConnectToken {
    token_for(&[server], seed)
}

/// A token that lists `servers`.
pub fn token_for(servers: &[SocketAddr], seed: u64) -> ConnectToken {
    let spec = TokenSpec::new(ProtocolId(1), ClientId(seed), servers, UNIX)
        .with_lifetime(std::time::Duration::from_secs(600))
        .with_timeout(Timeout::from_secs(TIMEOUT_SECS));
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    mint(&spec, &key(), &mut rng).unwrap()
}

pub fn device(
    wire: &SharedWire,
    family: Family,
    host: u8,
) -> (Stack<'static>, Runner<'static, Card>) {
    let resources = leak(StackResources::<5>::new());
    embassy_net::new(Card::new(wire), family.config(host), resources, host.into())
}

pub fn socket(
    stack: Stack<'static>,
    (rx_bytes, rx_packets): (usize, usize),
    (tx_bytes, tx_packets): (usize, usize),
    port: Option<u16>,
) -> UdpSocket<'static> {
    let mut socket = UdpSocket::new(
        stack,
        vec![PacketMetadata::EMPTY; rx_packets].leak(),
        vec![0; rx_bytes].leak(),
        vec![PacketMetadata::EMPTY; tx_packets].leak(),
        vec![0; tx_bytes].leak(),
    );
    if let Some(port) = port {
        socket.bind(port).unwrap();
    }
    socket
}

pub fn server_on(stack: Stack<'static>, address: SocketAddr) -> Server<'static, SOCKETS> {
    let sockets = std::array::from_fn(|at| match at {
        0 => socket(
            stack,
            (server_rx_bytes(SLOTS), server_rx_packets(SLOTS)),
            (REPLY_TX_BYTES, REPLY_TX_PACKETS),
            Some(40000),
        ),
        _ => socket(stack, (0, 0), (SESSION_TX_BYTES, SESSION_TX_PACKETS), None),
    });
    let storage = leak(StaticStorage::<SLOTS, 4, 16>::new());
    let addresses = AddressList::new(&[address]).unwrap();
    let config = ServerConfig::new(
        ProtocolId(1),
        key(),
        addresses,
        SLOTS.try_into().unwrap(),
        RestartRule::AdmitAgain,
    );
    let mut server = Server::new(sockets, storage.tables(), config).unwrap();
    server.start_with_seed(UNIX, [3; 32]).unwrap();
    server
}

pub fn client_on(stack: Stack<'static>) -> Client<'static> {
    Client::new(socket(
        stack,
        (CLIENT_RX_BYTES, CLIENT_RX_PACKETS),
        (CLIENT_TX_BYTES, CLIENT_TX_PACKETS),
        Some(0),
    ))
}
