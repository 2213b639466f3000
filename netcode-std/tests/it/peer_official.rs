//! `netcode-official`, unmodified, over real UDP, in both roles.

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
