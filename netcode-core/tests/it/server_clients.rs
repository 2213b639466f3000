//! Clients as seen by the server's owner, from connection to the next use of the slot.

use std::time::Duration;

use crate::crafted::{Forger, NOW, Opened, start};
use crate::network::{EPOCH, STORM, Ticket, World, address, client_address, config, storage};
use netcode_core::address::AddressList;
use netcode_core::client::ClientState;
use netcode_core::server::{DisconnectReason, Event, LoopbackError, MAX_SEND_BYTES, Server};
use netcode_core::{ClientId, ClientIndex, Dropped, SendError, UserData};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn left(id: u64, client: u32, reason: DisconnectReason) -> Event {
    let (client, client_id) = (ClientIndex(client), ClientId(id));
    Event::Disconnected {
        client,
        client_id,
        reason,
    }
}

#[test]
fn clients_are_found_by_slot_id_and_address_while_they_are_connected() {
    let mut world = World::new(4);
    for id in [10, 20, 30] {
        world.connect(&Ticket::new(id));
    }
    let ids: Vec<u64> = world
        .server
        .clients()
        .map(|info| info.client_id.0)
        .collect();
    assert_eq!(ids, [10, 20, 30]);
    for (slot, id) in [(0, 10), (1, 20), (2, 30)] {
        let client = ClientIndex(slot);
        let info = world.server.client(client).unwrap();
        assert_eq!((info.client, info.client_id), (client, ClientId(id)));
        assert_eq!(info.user_data.0[..8], id.to_le_bytes());
        assert_eq!(world.server.find_by_id(ClientId(id)), Some(client));
        let address = client_address(usize::try_from(slot).unwrap());
        assert_eq!(world.server.find_by_address(address), Some(client));
    }
    assert!(world.server.disconnect(world.now, ClientIndex(1)));
    assert!(!world.server.disconnect(world.now, ClientIndex(1)));
    assert!(!world.server.disconnect(world.now, ClientIndex(3)));
    assert!(!world.server.disconnect(world.now, ClientIndex(u32::MAX)));
    assert!(world.server.client(ClientIndex(1)).is_none());
    assert_eq!(world.server.find_by_id(ClientId(20)), None);
    assert_eq!(world.server.find_by_address(client_address(1)), None);
    assert_eq!(world.server.connected_count(), 2);
}

#[test]
fn a_slot_is_not_reused_until_its_event_was_taken() {
    let mut server = Server::new(storage(), config(1)).unwrap();
    server.start(NOW, EPOCH, &mut rng()).unwrap();
    let forger = |id| {
        Forger::new(
            &Ticket::new(id),
            client_address(usize::try_from(id).unwrap()),
        )
    };
    forger(1).connect(&mut server, NOW).unwrap();
    server.disconnect(NOW, ClientIndex(0));
    let mut out = [0; 1300];
    while server.poll_transmit(NOW, &mut out).is_some() {}
    // Not denied: the slot is about to be free, and *denied* ends the client's attempt.
    let waiting = forger(2);
    let challenge = waiting.ask(&mut server, NOW).unwrap();
    let response = waiting.response(&challenge, 0);
    let early = crate::crafted::deliver(&mut server, NOW, waiting.from, &response);
    assert_eq!(early, Err(Dropped::SlotDraining));
    assert_eq!(
        server.poll_event(),
        Some(left(1, 0, DisconnectReason::ByServer))
    );
    assert_eq!(server.poll_event(), None);
    let again = waiting.response(&challenge, 1);
    crate::crafted::deliver(&mut server, NOW, waiting.from, &again).unwrap();
    assert_eq!(server.connected_count(), 1);
    assert_eq!(server.stats().denied, 0);
}

#[test]
fn all_clients_can_be_disconnected_at_once() {
    let mut world = World::new(16);
    for id in 0..16 {
        world.connect(&Ticket::new(id));
    }
    world.events.clear();
    world.server.disconnect_all(world.now);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.server.connected_count(), 0);
    assert_eq!(world.events.len(), 16);
    assert!((0..16).all(|n| world.state(n) == ClientState::Disconnected));
}

#[test]
fn a_silent_client_times_out_with_a_disconnect_event() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.cut.push(client_address(n));
    world.run_for(Duration::from_millis(4900));
    assert_eq!(world.server.connected_count(), 1);
    world.run_for(Duration::from_millis(300));
    assert_eq!(
        world.events.last(),
        Some(&left(1, 0, DisconnectReason::TimedOut))
    );
}

#[test]
fn a_server_answers_to_each_of_its_addresses() {
    let (inside, outside) = (address("192.168.0.5:40000"), address("[2001:db8::5]:40001"));
    let mut config = config(4);
    config.addresses = AddressList::new(&[inside, outside]).unwrap();
    let mut world = World::with(storage(), config);
    for (id, internal) in [(1, inside), (2, outside)] {
        world.connect(&Ticket {
            internal: vec![internal],
            ..Ticket::new(id)
        });
    }
    assert_eq!(world.server.connected_count(), 2);
}

#[test]
fn every_payload_to_an_unconfirmed_client_has_a_keep_alive_in_front() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let mut out = [0; 1300];
    for _ in 0..3 {
        let sent = server.send(NOW, ClientIndex(0), b"hello", &mut out);
        let outgoing = sent.unwrap().unwrap();
        assert_eq!(outgoing.into_iter().count(), 2);
        assert_eq!(forger.open(outgoing.keep_alive.unwrap()), Opened::KeepAlive);
    }
    assert!(!server.client(ClientIndex(0)).unwrap().confirmed);
    crate::crafted::deliver(&mut server, NOW, forger.from, &forger.payload(1)).unwrap();
    assert!(server.client(ClientIndex(0)).unwrap().confirmed);
    let sent = server.send(NOW, ClientIndex(0), b"hello", &mut out);
    assert_eq!(sent.unwrap().unwrap().into_iter().count(), 1);
}

#[test]
fn a_keep_alive_confirms_as_a_payload_does() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let keep_alive = netcode_core::packet::Packet::KeepAlive {
        client_index: ClientIndex(0),
        max_clients: 0,
    };
    let datagram = forger.packet(&keep_alive, 1);
    crate::crafted::deliver(&mut server, NOW, forger.from, &datagram).unwrap();
    assert!(server.client(ClientIndex(0)).unwrap().confirmed);
}

#[test]
fn payloads_alone_are_a_sign_of_life_to_both_sides() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(2));
    let keys = Forger::new(&Ticket::new(2), client_address(2)).keys();
    world.cut.push(crate::network::server_address());
    forger.connect(&mut server, NOW).unwrap();
    let mut out = [0; 1300];
    let mut now = NOW;
    for step in 1..=20_u64 {
        // Half the timeout.
        now = now.saturating_add(Duration::from_millis(500));
        world.run_for(Duration::from_millis(500));
        crate::crafted::deliver(&mut server, now, forger.from, &forger.payload(step)).unwrap();
        while server.poll_transmit(now, &mut out).is_some() {}
        let packet = netcode_core::packet::Packet::Payload(b"payload");
        let key = &keys.server_to_client;
        let mut datagram =
            crate::crafted::sealed(&packet, key, crate::network::PROTOCOL, 1000 + step);
        let client = &mut world.clients[n].client;
        let server_address = crate::network::server_address();
        let received = client.handle_datagram(world.now, server_address, &mut datagram);
        assert!(received.is_ok());
    }
    assert_eq!(server.connected_count(), 1);
    assert_eq!(world.state(n), ClientState::Connected);
}

#[test]
fn a_payload_of_invalid_length_is_refused_before_its_buffer_is_checked() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let mut tiny = [0; 10];
    for confirmed in [false, true] {
        for len in [0, 1201, 5000] {
            let refused = server.send(NOW, ClientIndex(0), &vec![0; len], &mut tiny);
            assert_eq!(refused, Err(SendError::PayloadLength { len }));
        }
        let needed = 5 + 25 + if confirmed { 0 } else { 33 };
        let mut out = [0; 100];
        let short = server.send(NOW, ClientIndex(0), b"hello", &mut out[..20]);
        assert!(matches!(short, Err(SendError::BufferTooShort { needed: n }) if n <= needed));
        let sent = server.send(NOW, ClientIndex(0), b"hello", &mut out[..needed]);
        assert!(matches!(sent, Ok(Some(_))));
        crate::crafted::deliver(&mut server, NOW, forger.from, &forger.payload(1)).ok();
    }
}

#[test]
fn a_loopback_client_joins_without_a_network() {
    let mut world = World::new(2);
    let user_data = UserData::from_slice(b"host").unwrap();
    let client = world
        .server
        .connect_loopback(world.now, ClientId(7), &user_data)
        .unwrap();
    let twice = world
        .server
        .connect_loopback(world.now, ClientId(7), &user_data);
    assert_eq!(twice, Err(LoopbackError::IdConnected));
    let guest = world.connect(&Ticket::new(1));
    let full = world
        .server
        .connect_loopback(world.now, ClientId(8), &user_data);
    assert_eq!(full, Err(LoopbackError::Full));

    let received = world.server.handle_loopback(client, b"from the host");
    let received = received.unwrap();
    assert!(matches!(
        received,
        Some(Event::Payload {
            payload: b"from the host",
            ..
        })
    ));
    let expected = b"to the host";
    assert_eq!(world.server.send_loopback(client, expected), Ok(true));

    // No function reaches a client of the other kind, or an empty slot.
    let mut out = [0; 1300];
    let none = world.server.send(world.now, client, b"x", &mut out);
    assert_eq!(none, Ok(None));
    let guests = world.server.find_by_id(ClientId(1)).unwrap();
    for other in [guests, ClientIndex(2), ClientIndex(u32::MAX)] {
        assert_eq!(world.server.send_loopback(other, b"x"), Ok(false));
        assert_eq!(world.server.handle_loopback(other, b"x"), Ok(None));
    }
    for len in [0, 1201] {
        let refused = Err(SendError::PayloadLength { len });
        assert_eq!(world.server.send_loopback(client, &vec![0; len]), refused);
    }

    world.run_for(Duration::from_secs(60));
    assert_eq!(
        world.server.connected_count(),
        2,
        "silence ends no loopback session"
    );
    assert_eq!(world.server.client(client).unwrap().address, None);
    assert_eq!(
        world.server.client(client).unwrap().user_data.0[..4],
        *b"host"
    );
    world.server.disconnect(world.now, client);
    world.drain();
    assert_eq!(
        world.events.last(),
        Some(&left(7, client.0, DisconnectReason::ByServer))
    );
    assert_eq!(world.state(guest), ClientState::Connected);
}

#[test]
fn twenty_clients_right_behind_a_disconnect_are_none_of_them_denied() {
    let mut world = World::new(1);
    for id in 1..=20 {
        let n = world.connect(&Ticket::new(id));
        // One turn: the client's disconnect packet and the next client's request, before its events
        // are taken.
        let waiting = Forger::new(
            &Ticket::new(100 + id),
            address(&format!("10.9.0.{id}:50000")),
        );
        world.server.disconnect_all(world.now);
        let early = crate::crafted::deliver(
            &mut world.server,
            world.now,
            waiting.from,
            &waiting.request(),
        );
        let reply = early.unwrap().unwrap();
        assert!(matches!(waiting.open(&reply), Opened::Challenge(_)));
        world.run_until(|world| !world.state(n).is_active());
    }
    assert_eq!(world.server.stats().denied, 0);
}

#[test]
fn the_events_of_each_client_are_connected_then_payloads_then_disconnected() {
    let mut world = World::new(3);
    world.weather = STORM;
    for round in 0..40 {
        let n = world.join(&Ticket::new(round));
        world.run_for(Duration::from_millis(200 + 37 * round % 300));
        for other in 0..=n {
            if world.state(other) == ClientState::Connected {
                world.client_sends(other, b"payload");
            }
        }
        match round % 4 {
            0 => world.server.disconnect_all(world.now),
            1 => world.clients[n / 2].client.disconnect(world.now),
            _ => {}
        }
    }
    world.run_for(Duration::from_secs(20));
    assert!(world.payloads.len() > 20 && world.events.len() > 20);
    let mut connected = [None; 3];
    for event in &world.reported {
        match *event {
            Event::Connected { client, client_id } => {
                assert_eq!(connected[client.0 as usize].replace(client_id), None);
            }
            Event::Payload { client, .. } => assert!(connected[client.0 as usize].is_some()),
            Event::Disconnected {
                client, client_id, ..
            } => assert_eq!(connected[client.0 as usize].take(), Some(client_id)),
            _ => panic!("{event:?}"),
        }
    }
}

#[test]
fn nothing_is_sent_to_a_free_slot() {
    let mut world = World::new(2);
    let n = world.connect(&Ticket::new(1));
    let slots: Vec<_> = world.server.slots().collect();
    assert_eq!(slots, [ClientIndex(0), ClientIndex(1)]);
    let sent = |world: &mut World, client| {
        let mut out = [0; MAX_SEND_BYTES];
        let sent = world.server.send(world.now, client, b"payload", &mut out);
        sent.unwrap().is_some()
    };
    assert!(sent(&mut world, ClientIndex(0)));
    assert!(!sent(&mut world, ClientIndex(1)));
    assert!(!sent(&mut world, ClientIndex(u32::MAX)));
    let before = world.server.stats().payloads_out;
    world.clients[n].client.disconnect(world.now);
    world.drain();
    world.run_for(Duration::from_millis(50));
    assert!(!sent(&mut world, ClientIndex(0)));
    assert_eq!(world.server.stats().payloads_out, before);
}
