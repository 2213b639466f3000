//! `renetcode`, unmodified, over real UDP, in both roles; and where it is not 1.02.

use std::net::SocketAddr;
use std::time::Duration;

use crate::peers::scenarios::Pair;
use crate::peers::{
    AnyClient, AnyServer, KEY, OurClient, OurServer, PROTOCOL_ID, RenetClient, RenetServer, Stands,
    our_token, until, with_client_id,
};
use netcode_std::core::Dropped;
use netcode_std::core::crypto::{Key, RustCrypto};
use netcode_std::core::packet::{Header, Role};
use netcode_std::core::token::{PrivateToken, PublicToken, TokenError};
use renetcode::{ClientAuthentication, ConnectToken, NetcodeClient, NetcodeServer, ServerResult};

/// A client of ours with a server of theirs.
mod our_client_with_their_server {
    use super::*;

    interoperates!(RenetServer::start, our_client, payloads: [1, 100, 1200]);
    brings_user_data!();
    denies!(our_client);
    tries_the_next_address!(RenetServer::start, our_client);
}

/// A client of theirs with a server of ours.
mod their_client_with_our_server {
    use super::*;

    interoperates!(OurServer::start, their_client, payloads: [1, 100, 1200]);
    brings_user_data!();
    denies!(their_client);
}

fn our_client(_id: u64, token: &[u8; 2048]) -> OurClient {
    OurClient::connect(token)
}

fn their_client(id: u64, token: &[u8; 2048]) -> RenetClient {
    RenetClient::connect(id, token)
}

// Deviations from 1.02.

#[test]
fn their_client_ends_at_a_denial_and_tries_no_other_address() {
    let server = OurServer::start(1);
    let token = our_token(1, &[server.address()], 5);
    let client = RenetClient::connect(1, &token);
    let pair = Pair::connect(server, client, 1);
    let other = OurServer::start(4);
    let token = our_token(2, &[pair.server.address(), other.address()], 5);
    pair.denies(RenetClient::connect(2, &token));
}

#[test]
fn their_public_token_has_a_client_id_in_front() {
    let server = "127.0.0.1:40000".parse().unwrap();
    let theirs = ConnectToken::generate(
        Duration::from_secs(1_800_000_000),
        PROTOCOL_ID,
        30,
        7,
        5,
        vec![server],
        None,
        &KEY,
    )
    .unwrap();
    let mut bytes = Vec::new();
    theirs.write(&mut bytes).unwrap();
    assert_eq!(bytes[..8], 7_u64.to_le_bytes());
    // As it is, it is no connect token.
    bytes.resize(2048, 0);
    assert_eq!(PublicToken::parse(&bytes).unwrap_err(), TokenError::Version);
    // Without the id in front, it is.
    let mut rest = bytes.split_off(8);
    rest.resize(2048, 0);
    let token = PublicToken::parse(&rest).unwrap();
    assert_eq!(token.addresses.iter().collect::<Vec<_>>(), [server]);
    let opened = token
        .open_private(&RustCrypto, &Key::from_bytes(KEY))
        .unwrap();
    assert_eq!(PrivateToken::parse(&opened).unwrap().client_id.0, 7);
}

#[test]
fn their_sequence_zero_has_no_sequence_bytes_and_costs_a_packet_but_no_connection() {
    let mut server = RenetServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let mut client = OurClient::connect(&token);
    until("connecting", || {
        client.turn();
        server.turn();
        client.stands() == Stands::Connected
    });
    assert!(client.0.core().dropped().get(Dropped::SequenceLength) >= 1);
}

#[test]
fn their_client_sends_one_disconnect_packet() {
    let mut server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let mut client = RenetClient::connect(1, &token);
    until("connecting", || {
        client.turn();
        server.turn();
        client.stands() == Stands::Connected && server.is_connected(1)
    });
    let before = server.0.core().stats().datagrams_in;
    client.disconnect();
    for _ in 0..100 {
        client.turn();
        server.turn();
    }
    assert_eq!(server.0.core().stats().datagrams_in, before + 1);
    assert!(!server.is_connected(1));
}

#[test]
fn their_server_panics_where_ours_drops() {
    // Type 5, nine sequence bytes: more than a sequence has.
    let datagram = [0x95; 64];
    let theirs = std::panic::catch_unwind(|| {
        let mut server = RenetServer::start(4).server;
        let from = "127.0.0.1:1".parse().unwrap();
        connect_directly(&mut server, from);
        server.process_packet(from, &mut datagram.clone());
    });
    assert!(theirs.is_err());
    let header = Header::parse(&datagram, Role::Server);
    assert_eq!(header, Err(Dropped::SequenceLength));
}

/// A handshake without a network.
fn connect_directly(server: &mut NetcodeServer, from: SocketAddr) {
    let address = server.addresses()[0];
    let connect_token = with_client_id(1, &our_token(1, &[address], 5));
    let authentication = ClientAuthentication::Secure { connect_token };
    let mut client = NetcodeClient::new(server.current_time(), authentication).unwrap();
    while !client.is_connected() {
        let Some((datagram, _)) = client.update(Duration::from_secs(1)) else {
            continue;
        };
        let mut datagram = datagram.to_vec();
        server.update(Duration::from_secs(1));
        match server.process_packet(from, &mut datagram) {
            ServerResult::PacketToSend { payload, .. }
            | ServerResult::ClientConnected { payload, .. } => {
                client.process_packet(payload);
            }
            _ => {}
        }
    }
}
