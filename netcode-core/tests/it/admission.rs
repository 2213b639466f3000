//! A server that is closed to new clients: they are denied, connected ones stay.

use std::time::Duration;

use crate::crafted::{Forger, NOW, Opened, deliver, drain, start, start_with};
use crate::network::{
    EPOCH, PROTOCOL, Ticket, World, address, client_address, config, server_address,
};
use netcode_core::client::ClientState;
use netcode_core::crypto::Key;
use netcode_core::server::{Admission, Received, ReconnectRule, Server};
use netcode_core::{ClientId, Dropped, UserData};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A client with id `n`.
fn client(n: u64) -> Forger {
    Forger::new(&Ticket::new(n), client_address(usize::try_from(n).unwrap()))
}

/// The server's reply to a datagram of `sender`.
fn reply(server: &mut Server<'_>, sender: &Forger, mut datagram: Vec<u8>) -> Option<Opened> {
    match server.handle_datagram(NOW, sender.from, &mut datagram) {
        Ok(Received::Reply(reply)) => Some(sender.open(reply.datagram)),
        _ => None,
    }
}

#[test]
fn a_closed_server_denies_new_clients_and_an_open_one_admits_them() {
    let mut server = start();
    assert_eq!(server.admission(), Admission::Open);
    server.set_admission(Admission::Closed);
    assert_eq!(server.admission(), Admission::Closed);
    let new = client(1);
    let answer = reply(&mut server, &new, new.request());
    assert_eq!(answer, Some(Opened::Denied));
    assert_eq!(server.stats().denied, 1);
    assert_eq!(server.half_open_count(), 0);
    server.set_admission(Admission::Open);
    new.connect(&mut server, NOW).unwrap();
    assert_eq!(server.connected_count(), 1);
}

#[test]
fn a_client_that_is_denied_by_a_closed_server_goes_on_to_the_next_one() {
    let mut world = World::new(4);
    world.server.set_admission(Admission::Closed);
    let second = address("10.0.0.2:40000");
    let n = world.join(&Ticket {
        servers: vec![server_address(), second],
        ..Ticket::new(1)
    });
    world.run_for(Duration::from_millis(50));
    assert_eq!(world.clients[n].client.server_address(), Some(second));
    assert_eq!(world.state(n), ClientState::SendingConnectionRequest);
    let last = world.join(&Ticket::new(2));
    world.run_for(Duration::from_millis(50));
    assert_eq!(world.state(last), ClientState::ConnectionDenied);
}

#[test]
fn a_response_to_a_challenge_from_before_it_closed_is_denied() {
    let mut server = start();
    let late = client(1);
    let challenge = late.ask(&mut server, NOW).unwrap();
    server.set_admission(Admission::Closed);
    let response = late.response(&challenge, 0);
    assert_eq!(
        reply(&mut server, &late, response.clone()),
        Some(Opened::Denied)
    );
    // The handshake is still open: the server may open again before it ends.
    server.set_admission(Admission::Open);
    deliver(&mut server, NOW, late.from, &response).unwrap();
    assert_eq!(server.connected_count(), 1);
}

#[test]
fn connected_clients_stay_while_the_server_is_closed() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.server.set_admission(Admission::Closed);
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.state(n), ClientState::Connected);
    world.client_sends(n, b"up");
    let slot = world.server.find_by_id(ClientId(1)).unwrap();
    world.server_sends(slot, b"down");
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.payloads, [(slot, b"up".to_vec())]);
    assert_eq!(world.clients[n].payloads, [b"down".to_vec()]);
}

#[test]
fn a_client_that_replaces_its_session_is_not_new() {
    let mut rule = config(4);
    rule.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
    let mut server = start_with(rule, EPOCH, 1);
    client(1).connect(&mut server, NOW).unwrap();
    server.set_admission(Admission::Closed);
    let newer = Ticket {
        lifetime: 46,
        seed: 9,
        ..Ticket::new(1)
    };
    let again = Forger::new(&newer, client_address(9));
    let challenge = again.ask(&mut server, NOW).unwrap();
    let mut response = again.response(&challenge, 0);
    let received = server.handle_datagram(NOW, again.from, &mut response);
    assert!(received.is_ok());
    assert_eq!(server.connected_count(), 1);
    let slot = server.find_by_address(again.from).unwrap();
    assert_eq!(server.client(slot).unwrap().client_id, ClientId(1));
}

#[test]
fn a_closed_server_does_not_answer_a_request_that_does_not_open() {
    let mut server = start();
    server.set_admission(Admission::Closed);
    let forged = Forger {
        token: Ticket::new(1).mint_with(PROTOCOL, &Key::from_bytes([1; 32])),
        from: client_address(1),
    };
    let dropped = deliver(&mut server, NOW, forged.from, &forged.request());
    assert_eq!(dropped, Err(Dropped::TokenUnauthentic));
    assert_eq!(server.stats().datagrams_out, 0);
}

#[test]
fn a_closed_server_stays_closed_when_it_is_started_again() {
    let mut server = start();
    server.set_admission(Admission::Closed);
    server.stop(NOW);
    drain(&mut server, NOW);
    server
        .start(NOW, EPOCH, &mut StdRng::seed_from_u64(2))
        .unwrap();
    let new = client(1);
    let answer = reply(&mut server, &new, new.request());
    assert_eq!(answer, Some(Opened::Denied));
    // Its owner's own clients are not denied.
    let local = server.connect_loopback(NOW, ClientId(7), &UserData::ZERO);
    assert!(local.is_ok());
}
