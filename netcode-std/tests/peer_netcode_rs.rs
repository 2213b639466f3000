//! `netcode-rs`, unmodified, over real UDP, in both roles; and where it is not 1.02.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    unused_imports,
    reason = "tests stop where they fail, and share a module"
)]

mod peers;

use std::net::SocketAddr;

use netcode_std::core::token::PublicToken;
use peer_netcode_rs::ConnectToken;
use peers::scenarios::Pair;
use peers::{
    AnyServer, KEY, NetcodeRsClient, NetcodeRsServer, OurClient, OurServer, PROTOCOL_ID, our_token,
    until,
};

#[test]
fn our_client_with_their_server_exchanges_payloads() {
    let server = NetcodeRsServer::start();
    let token = our_token(1, &[server.address()], 5);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.exchanges(&[1, 100, 1100]);
}

#[test]
fn our_client_with_their_server_stays_alive_in_silence() {
    let server = NetcodeRsServer::start();
    let token = our_token(1, &[server.address()], 1);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.stays_alive_in_silence();
}

#[test]
fn our_client_with_their_server_ends_when_the_client_leaves() {
    let server = NetcodeRsServer::start();
    let token = our_token(1, &[server.address()], 20);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_client_leaves();
}

#[test]
fn our_client_with_their_server_ends_when_the_server_says_so() {
    let server = NetcodeRsServer::start();
    let token = our_token(1, &[server.address()], 20);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_server_says_so();
}

#[test]
fn our_client_with_their_server_ends_when_the_server_falls_silent() {
    let server = NetcodeRsServer::start();
    let token = our_token(1, &[server.address()], 1);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.client_gives_up_on_a_silent_server();
}

#[test]
fn our_client_with_their_server_ends_when_the_client_falls_silent() {
    let server = NetcodeRsServer::start();
    let token = our_token(1, &[server.address()], 1);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.server_gives_up_on_a_silent_client();
}

#[test]
fn their_client_with_our_server_exchanges_payloads() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.exchanges(&[1, 100, 1100]);
}

#[test]
fn their_client_with_our_server_brings_user_data() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.brings_its_user_data();
}

#[test]
fn their_client_with_our_server_stays_alive_in_silence() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.stays_alive_in_silence();
}

#[test]
fn their_client_with_our_server_ends_when_the_client_leaves() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 20);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_client_leaves();
}

#[test]
fn their_client_with_our_server_ends_when_the_server_says_so() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 20);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_server_says_so();
}

#[test]
fn their_client_with_our_server_ends_when_the_server_falls_silent() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.client_gives_up_on_a_silent_server();
}

#[test]
fn their_client_with_our_server_ends_when_the_client_falls_silent() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.server_gives_up_on_a_silent_client();
}

#[test]
fn their_client_with_our_server_is_denied_when_it_is_full() {
    let server = OurServer::start(1);
    let token = our_token(1, &[server.address()], 5);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    let token = our_token(2, &[pair.server.address()], 5);
    pair.denies(NetcodeRsClient::connect(&token));
}

#[test]
fn their_client_with_our_server_tries_the_next_address_after_a_denial() {
    let server = OurServer::start(1);
    let token = our_token(1, &[server.address()], 5);
    let client = NetcodeRsClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    let other = OurServer::start(4);
    let token = our_token(2, &[pair.server.address(), other.address()], 5);
    let second = NetcodeRsClient::connect(&token);
    pair.sends_on(other, second, 2);
}

// Where it is not 1.02.

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
