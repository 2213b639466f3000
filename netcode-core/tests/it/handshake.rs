//! Handshake and disconnection, on perfect and on lossy networks.

use std::time::Duration;

use crate::network::{STORM, Ticket, World, client_address};
use netcode_core::client::ClientState;
use netcode_core::server::{DisconnectReason, Event};
use netcode_core::{ClientId, ClientIndex};

#[test]
fn a_client_with_a_token_gets_a_slot_and_both_sides_report_it() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(77));
    let states = &world.clients[n].states;
    assert_eq!(
        states[..],
        [
            ClientState::SendingConnectionRequest,
            ClientState::SendingConnectionResponse,
            ClientState::Connected
        ]
    );
    let client = ClientIndex(0);
    assert_eq!(
        world.events,
        [Event::Connected {
            client,
            client_id: ClientId(77)
        }]
    );
    assert_eq!(world.clients[n].client.client_index(), Some(client));
    assert_eq!(world.clients[n].client.max_clients(), Some(4));
    let info = world.server.client(client).unwrap();
    assert_eq!(info.address, Some(client_address(n)));
    assert_eq!(info.user_data.0[..8], 77u64.to_le_bytes());
    assert_eq!(world.server.find_by_id(ClientId(77)), Some(client));
    assert_eq!(
        world.server.find_by_address(client_address(n)),
        Some(client)
    );
}

#[test]
fn payloads_of_every_size_cross_in_both_directions() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    let payloads: Vec<Vec<u8>> = (1..=1200_usize)
        .step_by(109)
        .map(|len| (0..len).map(|at| (len ^ at).to_le_bytes()[0]).collect())
        .collect();
    for payload in &payloads {
        world.client_sends(n, payload);
        world.server_sends(ClientIndex(0), payload);
    }
    world.run_for(Duration::from_millis(50));
    assert_eq!(world.clients[n].payloads, payloads);
    let received: Vec<_> = world
        .payloads
        .iter()
        .map(|(_, payload)| payload.clone())
        .collect();
    assert_eq!(received, payloads);
}

#[test]
fn a_client_that_disconnects_frees_its_slot() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.clients[n].client.disconnect(world.now);
    let sent = world.tape.len();
    world.drain();
    assert_eq!(
        world.tape.len() - sent,
        10,
        "ten redundant disconnect packets"
    );
    world.run_for(Duration::from_millis(50));
    assert_eq!(world.server.connected_count(), 0);
    let reason = DisconnectReason::ByClient;
    let gone = Event::Disconnected {
        client: ClientIndex(0),
        client_id: ClientId(1),
        reason,
    };
    assert_eq!(world.events.last(), Some(&gone));
}

#[test]
fn a_client_the_server_disconnects_is_disconnected_and_tries_no_other_server() {
    let mut world = World::new(4);
    let mut ticket = Ticket::new(1);
    ticket
        .servers
        .push(crate::network::address("10.0.0.2:40000"));
    let n = world.connect(&ticket);
    assert!(world.server.disconnect(world.now, ClientIndex(0)));
    world.run_for(Duration::from_millis(50));
    assert_eq!(world.state(n), ClientState::Disconnected);
    assert_eq!(world.server.connected_count(), 0);
}

#[test]
fn keep_alives_hold_a_silent_connection_past_its_timeout() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.state(n), ClientState::Connected);
    assert_eq!(world.server.connected_count(), 1);
    let sent = world
        .server
        .client(ClientIndex(0))
        .unwrap()
        .stats
        .datagrams_out;
    assert!((295..=305).contains(&sent), "10 Hz for 30 s, not {sent}");
}

#[test]
fn a_storm_of_loss_duplicates_and_reordering_delivers_each_payload_at_most_once() {
    let mut world = World::new(16);
    world.weather = STORM;
    for id in 0..16 {
        world.join(&Ticket::new(id));
    }
    let all = |world: &World| {
        world
            .clients
            .iter()
            .all(|p| p.client.state() == ClientState::Connected)
    };
    world.run_until(all);
    for round in 0..200u32 {
        for n in 0..16 {
            world.client_sends(n, &round.to_le_bytes());
        }
        world.run_for(Duration::from_millis(10));
    }
    world.run_for(Duration::from_millis(500));
    for slot in 0..16 {
        let mut got: Vec<_> = world
            .payloads
            .iter()
            .filter(|(c, _)| c.0 == slot)
            .map(|(_, p)| p.clone())
            .collect();
        assert!(
            (130..=190).contains(&got.len()),
            "about 80 % of 200, not {}",
            got.len()
        );
        got.sort();
        let before = got.len();
        got.dedup();
        assert_eq!(got.len(), before, "a payload came twice");
    }
    assert_eq!(world.server.connected_count(), 16);
}

#[test]
fn every_client_gets_a_slot_of_its_own() {
    let mut world = World::new(16);
    for id in 0..16 {
        world.connect(&Ticket::new(1000 + id));
    }
    let mut slots: Vec<_> = world.server.clients().map(|info| info.client.0).collect();
    slots.sort_unstable();
    assert_eq!(slots, (0..16).collect::<Vec<_>>());
}
