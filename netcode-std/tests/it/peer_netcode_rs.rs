//! `netcode-rs`, unmodified, over real UDP, in both roles; and where it is not 1.02.

use std::net::SocketAddr;

use crate::peers::scenarios::Pair;
use crate::peers::{
    AnyServer, KEY, NetcodeRsClient, NetcodeRsServer, OurClient, OurServer, PROTOCOL_ID, our_token,
    until,
};
use netcode_std::core::token::PublicToken;
use peer_netcode_rs::ConnectToken;

/// A client of ours with a server of theirs.
mod our_client_with_their_server {
    use super::*;

    interoperates!(their_server, our_client, payloads: [1, 100, 1100]);
}

/// A client of theirs with a server of ours.
mod their_client_with_our_server {
    use super::*;

    interoperates!(OurServer::start, their_client, payloads: [1, 100, 1100]);
    brings_user_data!();
    denies!(their_client);
    tries_the_next_address!(OurServer::start, their_client);
}

fn our_client(_id: u64, token: &[u8; 2048]) -> OurClient {
    OurClient::connect(token)
}

fn their_client(_id: u64, token: &[u8; 2048]) -> NetcodeRsClient {
    NetcodeRsClient::connect(token)
}

/// Its server has 256 slots, always.
fn their_server(_slots: usize) -> NetcodeRsServer {
    NetcodeRsServer::start()
}

// Deviations from 1.02.

#[test]
fn their_ipv6_addresses_are_octets_and_not_little_endian_groups() {
    let address: SocketAddr = "[2001:db8::1]:40000".parse().unwrap();
    let theirs = ConnectToken::build(address, PROTOCOL_ID, 7, KEY)
        .generate()
        .unwrap()
        .try_into_bytes()
        .unwrap();
    let token = PublicToken::parse(&theirs).unwrap();
    let swapped: SocketAddr = "[120:b80d::100]:40000".parse().unwrap();
    assert_eq!(token.addresses.iter().collect::<Vec<_>>(), [swapped]);
}

#[test]
fn payloads_above_1182_bytes_do_not_reach_them() {
    for theirs_is_the_client in [true, false] {
        let (mut pair, id) = if theirs_is_the_client {
            let server = OurServer::start(4);
            let token = our_token(1, &[server.address()], 5);
            (
                Pair::connect(server, NetcodeRsClient::connect(&token), 1),
                1,
            )
        } else {
            let server = NetcodeRsServer::start();
            let token = our_token(1, &[server.address()], 5);
            (Pair::connect(server, OurClient::connect(&token), 1), 1)
        };
        for len in [1200, 1183, 1182] {
            if theirs_is_the_client {
                pair.server.send(id, &vec![7; len]);
            } else {
                pair.client.send(&vec![7; len]);
            }
        }
        let mut arrived = Vec::new();
        until("the shortest", || {
            let (to_server, to_client) = pair.turn();
            arrived.extend(to_server.into_iter().chain(to_client));
            !arrived.is_empty()
        });
        assert_eq!(arrived, [vec![7; 1182]]);
    }
}
