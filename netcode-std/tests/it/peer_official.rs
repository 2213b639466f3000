//! `netcode-official`, unmodified, over real UDP, in both roles; and where it is not 1.02.

use std::net::UdpSocket;

use netcode_std::core::client::Client;
use netcode_std::core::crypto::{Crypto as _, RustCrypto};
use netcode_std::core::packet::{Header, Role};
use netcode_std::core::standard::VERSION_INFO;
use netcode_std::core::token::PublicToken;
use netcode_std::core::{Dropped, Instant};

use crate::peers::scenarios::Pair;
use crate::peers::{
    AnyServer, KEY, OfficialClient, OfficialServer, OurClient, OurServer, PROTOCOL_ID, USER_DATA,
    our_token,
};

/// A client of ours with a server of theirs.
mod our_client_with_their_server {
    use super::*;

    interoperates!(OfficialServer::start, our_client, payloads: [1, 100, 1200]);
    brings_user_data!();
    denies!(our_client);
    tries_the_next_address!(OfficialServer::start, our_client);
}

/// A client of theirs with a server of ours.
mod their_client_with_our_server {
    use super::*;

    interoperates!(OurServer::start, their_client, payloads: [1, 100, 1200]);
    brings_user_data!();
    denies!(their_client);
    tries_the_next_address!(OurServer::start, their_client);
}

fn our_client(_id: u64, token: &[u8; 2048]) -> OurClient {
    OurClient::connect(token)
}

fn their_client(_id: u64, token: &[u8; 2048]) -> OfficialClient {
    OfficialClient::connect(token)
}

#[test]
fn both_roles_work_over_ipv6() {
    let server = OurServer::bind("[::1]:0", 4);
    let token = our_token(1, &[server.address()], 5);
    let client = OfficialClient::bind("[::]:0", &token);
    Pair::connect(server, client, 1).exchanges(&[1, 1200]);

    let server = OfficialServer::bind("[::1]:0", 4);
    let token = our_token(1, &[server.address()], 5);
    let client = OurClient::connect(&token);
    Pair::connect(server, client, 1).exchanges(&[1, 1200]);
}

#[test]
fn tokens_they_mint_work_for_both_of_us() {
    for ours in [true, false] {
        let server: Box<dyn AnyServer> = if ours {
            Box::new(OurServer::start(4))
        } else {
            Box::new(OfficialServer::start(4))
        };
        let addresses = [server.address()];
        let minted = peer_official::generate_connect_token(
            &addresses,
            &addresses,
            30,
            5,
            1,
            PROTOCOL_ID,
            &KEY,
            &USER_DATA,
        );
        let token = minted.unwrap();
        let mut pair = if ours {
            Pair::connect(server, OfficialClient::connect(&token), 1)
        } else {
            Pair::connect(server, OurClient::connect(&token), 1)
        };
        pair.turn();
        pair.brings_its_user_data();
    }
}

// Where it is not 1.02.

/// A sealed packet of type 0, which no peer sends: connection requests are not sealed.
fn sealed_type_zero(token: &[u8]) -> [u8; 18] {
    const PREFIX: u8 = 0x10;
    let token = PublicToken::parse(token).unwrap();
    let data = [&VERSION_INFO[..], &PROTOCOL_ID.to_le_bytes(), &[PREFIX]].concat();
    let mut datagram = [0; 18];
    datagram[0] = PREFIX;
    let key = &token.keys.client_to_server;
    RustCrypto.seal(key, &[0; 12], &data, &mut datagram[2..]);
    datagram
}

#[test]
fn their_server_panics_at_a_sealed_packet_of_type_zero_where_ours_drops_it() {
    let theirs = std::panic::catch_unwind(|| {
        let mut server = OfficialServer::start(4);
        let token = our_token(1, &[server.address()], 5);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // It knows the keys once a request with the token has arrived; no session is needed.
        let mut client = Client::new();
        client.connect(Instant::ZERO, &token).unwrap();
        let mut buffer = [0; 1300];
        let request = client.poll_transmit(Instant::ZERO, &mut buffer).unwrap();
        socket.send_to(request.datagram, server.address()).unwrap();
        let datagram = sealed_type_zero(&token);
        socket.send_to(&datagram, server.address()).unwrap();
        for _ in 0..1000 {
            server.turn();
            std::thread::yield_now();
        }
    });
    assert!(theirs.is_err());
    let datagram = sealed_type_zero(&our_token(1, &["127.0.0.1:1".parse().unwrap()], 5));
    assert_eq!(Header::parse(&datagram, Role::Server), Err(Dropped::Type));
}
