//! A server that no longer admits newcomers.

use std::time::Duration;

use crate::crafted::{Forger, NOW, Opened, deliver, start, start_with};
use crate::network::{EPOCH, Ticket, World, client_address, config};
use netcode_core::client::ClientState;
use netcode_core::server::ReconnectRule;
use netcode_core::{ClientId, ClientIndex};

#[test]
fn newcomers_are_denied_and_sessions_go_on() {
    let mut world = World::new(4);
    let old = world.connect(&Ticket::new(1));
    world.server.set_admitting(false);
    let new = world.join(&Ticket::new(2));
    world.run_until(|world| world.state(new).is_error());
    assert_eq!(world.state(new), ClientState::ConnectionDenied);
    assert_eq!(world.server.stats().denied, 1);

    world.client_sends(old, b"still here");
    world.server_sends(ClientIndex(0), b"and so is the server");
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.state(old), ClientState::Connected);
    assert_eq!(world.payloads.len(), 1);

    world.server.set_admitting(true);
    let later = world.connect(&Ticket::new(3));
    assert_eq!(world.state(later), ClientState::Connected);
}

#[test]
fn a_client_whose_request_was_admitted_is_denied_at_its_response() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let challenge = forger.ask(&mut server, NOW).unwrap();
    server.set_admitting(false);
    let denied = deliver(
        &mut server,
        NOW,
        forger.from,
        &forger.response(&challenge, 0),
    );
    assert_eq!(forger.open(&denied.unwrap().unwrap()), Opened::Denied);
    assert_eq!(server.connected_count(), 0);
}

#[test]
fn a_connected_client_may_still_replace_its_session() {
    let mut with_replacement = config(2);
    with_replacement.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
    let mut server = start_with(with_replacement, EPOCH, 1);
    let first = Forger::new(&Ticket::new(7), client_address(1));
    first.connect(&mut server, NOW).unwrap();
    crate::crafted::drain(&mut server, NOW);
    server.set_admitting(false);
    let newer = Ticket {
        seed: 9,
        lifetime: 60,
        ..Ticket::new(7)
    };
    let second = Forger::new(&newer, client_address(2));
    let challenge = second.ask(&mut server, NOW).unwrap();
    let mut response = second.response(&challenge, 0);
    server
        .handle_datagram(NOW, second.from, &mut response)
        .unwrap();
    let client = server.find_by_id(ClientId(7)).unwrap();
    let address = server.client(client).unwrap().address;
    assert_eq!(address, Some(client_address(2)));
    assert_eq!(server.stats().denied, 0);
}
