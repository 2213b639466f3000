//! `netcode-official`, unmodified, over real UDP, in both roles.
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
use peers::{
    AnyServer, KEY, OfficialClient, OfficialServer, OurClient, OurServer, PROTOCOL_ID, USER_DATA,
    our_token,
};

#[test]
fn our_client_with_their_server_exchanges_payloads() {
    let server = OfficialServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.exchanges(&[1, 100, 1200]);
}

#[test]
fn our_client_with_their_server_brings_user_data() {
    let server = OfficialServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.brings_its_user_data();
}

#[test]
fn our_client_with_their_server_stays_alive_in_silence() {
    let server = OfficialServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.stays_alive_in_silence();
}

#[test]
fn our_client_with_their_server_ends_when_the_client_leaves() {
    let server = OfficialServer::start(4);
    let token = our_token(1, &[server.address()], 20);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_client_leaves();
}

#[test]
fn our_client_with_their_server_ends_when_the_server_says_so() {
    let server = OfficialServer::start(4);
    let token = our_token(1, &[server.address()], 20);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_server_says_so();
}

#[test]
fn our_client_with_their_server_ends_when_the_server_falls_silent() {
    let server = OfficialServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.client_gives_up_on_a_silent_server();
}

#[test]
fn our_client_with_their_server_ends_when_the_client_falls_silent() {
    let server = OfficialServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.server_gives_up_on_a_silent_client();
}

#[test]
fn our_client_with_their_server_is_denied_when_it_is_full() {
    let server = OfficialServer::start(1);
    let token = our_token(1, &[server.address()], 5);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    let token = our_token(2, &[pair.server.address()], 5);
    pair.denies(OurClient::connect(&token));
}

#[test]
fn our_client_with_their_server_tries_the_next_address_after_a_denial() {
    let server = OfficialServer::start(1);
    let token = our_token(1, &[server.address()], 5);
    let client = OurClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    let other = OfficialServer::start(4);
    let token = our_token(2, &[pair.server.address(), other.address()], 5);
    let second = OurClient::connect(&token);
    pair.sends_on(other, second, 2);
}

#[test]
fn their_client_with_our_server_exchanges_payloads() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.exchanges(&[1, 100, 1200]);
}

#[test]
fn their_client_with_our_server_brings_user_data() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 5);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.brings_its_user_data();
}

#[test]
fn their_client_with_our_server_stays_alive_in_silence() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.stays_alive_in_silence();
}

#[test]
fn their_client_with_our_server_ends_when_the_client_leaves() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 20);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_client_leaves();
}

#[test]
fn their_client_with_our_server_ends_when_the_server_says_so() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 20);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.ends_when_the_server_says_so();
}

#[test]
fn their_client_with_our_server_ends_when_the_server_falls_silent() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.client_gives_up_on_a_silent_server();
}

#[test]
fn their_client_with_our_server_ends_when_the_client_falls_silent() {
    let server = OurServer::start(4);
    let token = our_token(1, &[server.address()], 1);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    pair.server_gives_up_on_a_silent_client();
}

#[test]
fn their_client_with_our_server_is_denied_when_it_is_full() {
    let server = OurServer::start(1);
    let token = our_token(1, &[server.address()], 5);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    let token = our_token(2, &[pair.server.address()], 5);
    pair.denies(OfficialClient::connect(&token));
}

#[test]
fn their_client_with_our_server_tries_the_next_address_after_a_denial() {
    let server = OurServer::start(1);
    let token = our_token(1, &[server.address()], 5);
    let client = OfficialClient::connect(&token);
    let pair = Pair::connect(server, client, 1);
    let other = OurServer::start(4);
    let token = our_token(2, &[pair.server.address(), other.address()], 5);
    let second = OfficialClient::connect(&token);
    pair.sends_on(other, second, 2);
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
