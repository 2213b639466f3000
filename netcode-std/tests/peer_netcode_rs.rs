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

use peers::scenarios::Pair;
use peers::{AnyServer, NetcodeRsClient, NetcodeRsServer, OurClient, OurServer, our_token};

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
