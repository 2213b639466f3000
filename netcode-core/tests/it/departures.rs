//! Late packets of ended sessions, which are counted apart from those of strangers.

use std::time::Duration;

use crate::crafted::{Forger, NOW, deliver, drain, start, start_with};
use crate::network::{EPOCH, Ticket, World, client_address, config};
use netcode_core::packet::Packet;
use netcode_core::{ClientId, ClientIndex, Dropped, Instant};

/// Client `n` of a fresh token.
fn client(n: u64) -> Forger {
    Forger::new(&Ticket::new(n), client_address(usize::try_from(n).unwrap()))
}

#[test]
fn a_departure_leaves_no_packet_of_an_unknown_sender() {
    let mut world = World::new(4);
    for id in 1..=3 {
        world.connect(&Ticket::new(id));
    }
    for n in 0..3 {
        world.clients[n].client.disconnect(world.now);
    }
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.server.connected_count(), 0);
    let dropped = &world.server.stats().dropped;
    assert_eq!(dropped.get(Dropped::SessionEnded), 27);
    assert_eq!(dropped.total(), 27);
}

#[test]
fn packets_in_transit_when_the_server_ends_a_session_are_late() {
    let mut server = start();
    let client = client(1);
    client.connect(&mut server, NOW).unwrap();
    server.disconnect(NOW, ClientIndex(0));
    let late = client.payload(1);
    // Before its disconnect packets were sent, after them, and after its event was taken.
    for _ in 0..3 {
        let dropped = deliver(&mut server, NOW, client.from, &late);
        assert_eq!(dropped, Err(Dropped::SessionEnded));
        drain(&mut server, NOW);
    }
    let response = client.packet(
        &Packet::Response {
            sequence: netcode_core::Sequence(0),
            token: &[0; 300],
        },
        2,
    );
    let dropped = deliver(&mut server, NOW, client.from, &response);
    assert_eq!(dropped, Err(Dropped::SessionEnded));
    let dropped = deliver(&mut server, NOW, client_address(2), &late);
    assert_eq!(dropped, Err(Dropped::UnknownSender));
}

#[test]
fn a_client_that_has_left_is_found_neither_by_address_nor_by_id() {
    let mut server = start();
    // The id is that of an empty slot.
    let client = client(0);
    client.connect(&mut server, NOW).unwrap();
    let disconnect = client.packet(&Packet::Disconnect, 1);
    deliver(&mut server, NOW, client.from, &disconnect).unwrap();
    assert_eq!(server.find_by_id(ClientId(0)), None);
    assert_eq!(server.find_by_address(client.from), None);
    assert_eq!(server.clients().count(), 0);
}

#[test]
fn an_address_is_unknown_five_seconds_after_its_session_ended() {
    let mut server = start();
    let client = client(1);
    client.connect(&mut server, NOW).unwrap();
    let end = Instant::from_millis(900);
    let disconnect = client.packet(&Packet::Disconnect, 1);
    deliver(&mut server, end, client.from, &disconnect).unwrap();
    for (micros, reason) in [
        (0, Dropped::SessionEnded),
        (1_000_000, Dropped::SessionEnded),
        (2_000_000, Dropped::SessionEnded),
        (3_000_000, Dropped::SessionEnded),
        (4_000_000, Dropped::SessionEnded),
        (4_999_999, Dropped::SessionEnded),
        (5_000_000, Dropped::UnknownSender),
    ] {
        let now = end.saturating_add(Duration::from_micros(micros));
        let dropped = deliver(&mut server, now, client.from, &disconnect);
        assert_eq!(dropped, Err(reason), "{micros}");
    }
}

#[test]
fn an_address_is_unknown_once_its_slot_has_another_client() {
    let mut server = start_with(config(1), EPOCH, 1);
    let first = client(1);
    first.connect(&mut server, NOW).unwrap();
    let disconnect = first.packet(&Packet::Disconnect, 1);
    deliver(&mut server, NOW, first.from, &disconnect).unwrap();
    client(2).connect(&mut server, NOW).unwrap();
    let dropped = deliver(&mut server, NOW, first.from, &disconnect);
    assert_eq!(dropped, Err(Dropped::UnknownSender));
}

#[test]
fn an_address_is_unknown_after_a_restart() {
    let mut server = start();
    let client = client(1);
    client.connect(&mut server, NOW).unwrap();
    server.stop(NOW);
    drain(&mut server, NOW);
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(2);
    server.start(NOW, EPOCH, &mut rng).unwrap();
    let dropped = deliver(&mut server, NOW, client.from, &client.payload(1));
    assert_eq!(dropped, Err(Dropped::UnknownSender));
}

#[test]
fn a_client_that_comes_back_to_another_slot_leaves_that_one_too() {
    let mut server = start();
    let [stays, wanders] = [client(1), client(2)];
    stays.connect(&mut server, NOW).unwrap();
    wanders.connect(&mut server, NOW).unwrap();
    let leave = |server: &mut _, client: &Forger| {
        let disconnect = client.packet(&Packet::Disconnect, 1);
        deliver(server, NOW, client.from, &disconnect).unwrap();
        assert_eq!(
            deliver(server, NOW, client.from, &disconnect),
            Err(Dropped::SessionEnded)
        );
    };
    // The slot that was left last is taken first.
    leave(&mut server, &wanders);
    leave(&mut server, &stays);
    let again = Forger::new(&Ticket::new(3), wanders.from);
    again.connect(&mut server, NOW).unwrap();
    assert_eq!(server.find_by_address(again.from), Some(ClientIndex(0)));
    deliver(&mut server, NOW, again.from, &again.payload(1)).unwrap();
    let disconnect = again.packet(&Packet::Disconnect, 2);
    deliver(&mut server, NOW, again.from, &disconnect).unwrap();
    assert_eq!(
        deliver(&mut server, NOW, again.from, &disconnect),
        Err(Dropped::SessionEnded)
    );
    assert_eq!(server.find_by_address(again.from), None);
}
