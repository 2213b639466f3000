//! Order of the standard's checks: of two rules that a datagram violates, the first one drops it,
//! and no reply is sent.

use std::net::SocketAddr;

use crate::crafted::{Forger, NOW, Opened, deliver, sealed, start_with};
use crate::network::{
    EPOCH, PROTOCOL, Ticket, World, address, client_address, config, key, server_address,
};
use netcode_core::client::ClientState;
use netcode_core::crypto::Key;
use netcode_core::packet::Packet;
use netcode_core::server::{Server, StaticStorage, Storage};
use netcode_core::{ClientIndex, Dropped, ProtocolId, Sequence};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn outside() -> SocketAddr {
    client_address(77)
}

/// A server whose only slot client 1 occupies.
fn full() -> (Server<'static>, Forger) {
    let mut server = start_with(config(1), EPOCH, 1);
    let inside = Forger::new(&Ticket::new(1), client_address(1));
    inside.connect(&mut server, NOW).unwrap();
    (server, inside)
}

/// Request with a ticket, from an address outside.
fn request(ticket: &Ticket) -> Vec<u8> {
    Forger::new(ticket, outside()).request()
}

fn minted_with(protocol_id: ProtocolId, key: &Key, ticket: &Ticket) -> Vec<u8> {
    let token = ticket.mint_with(protocol_id, key);
    let from = outside();
    Forger { token, from }.request()
}

fn expired(id: u64) -> Ticket {
    Ticket {
        created: EPOCH.as_secs() - 10,
        lifetime: 10,
        ..Ticket::new(id)
    }
}

#[test]
fn a_request_is_dropped_for_the_first_rule_it_breaks() {
    let other_key = Key::from_bytes([1; 32]);
    let mut old_version = minted_with(ProtocolId(1), &key(), &expired(2));
    old_version[1 + 11] = b'1';
    let cases = [
        (old_version[..1077].to_vec(), Dropped::RequestLength),
        (old_version, Dropped::Version),
        (
            minted_with(ProtocolId(1), &key(), &expired(2)),
            Dropped::ProtocolId,
        ),
        (
            minted_with(PROTOCOL, &other_key, &expired(2)),
            Dropped::TokenExpired,
        ),
    ];
    for (datagram, reason) in cases {
        let (mut server, _) = full();
        assert_eq!(
            deliver(&mut server, NOW, outside(), &datagram),
            Err(reason),
            "{reason:?}"
        );
    }
}

#[test]
fn a_full_server_denies_no_request_that_breaks_a_rule() {
    let elsewhere = Ticket {
        servers: vec![address("10.0.0.9:40000")],
        ..Ticket::new(2)
    };
    let same_id = Ticket {
        seed: 50,
        ..Ticket::new(1)
    };
    let malformed =
        Forger::new(&Ticket::new(2), outside()).request_changed_inside(|private| private[12] = 33);
    let other_key = Key::from_bytes([1; 32]);
    let (_, inside) = full();
    let cases = [
        (
            outside(),
            minted_with(PROTOCOL, &other_key, &Ticket::new(2)),
            Dropped::TokenUnauthentic,
        ),
        (outside(), malformed, Dropped::TokenMalformed),
        (outside(), request(&elsewhere), Dropped::NotOurAddress),
        (
            inside.from,
            request(&Ticket::new(2)),
            Dropped::AddressConnected,
        ),
        (outside(), request(&same_id), Dropped::IdConnected),
        (outside(), inside.request(), Dropped::TokenConsumed),
    ];
    for (from, datagram, reason) in cases {
        let (mut server, _) = full();
        assert_eq!(
            deliver(&mut server, NOW, from, &datagram),
            Err(reason),
            "{reason:?}"
        );
        assert_eq!(server.stats().denied, 0);
    }
}

#[test]
fn a_token_that_was_denied_is_pending_for_its_address_only() {
    let (mut server, _) = full();
    let late = Forger::new(&Ticket::new(2), outside());
    for _ in 0..2 {
        let denied = deliver(&mut server, NOW, late.from, &late.request()).unwrap();
        assert_eq!(late.open(&denied.unwrap()), Opened::Denied);
    }
    assert_eq!(
        (server.half_open_count(), server.token_count()),
        (0, 2),
        "no half-open entry, one in the history"
    );
    assert_eq!(
        deliver(&mut server, NOW, client_address(78), &late.request()),
        Err(Dropped::TokenElsewhere)
    );
}

/// A server with one slot, in the given tables.
fn start_in(tables: Storage<'_>) -> Server<'_> {
    let mut server = Server::new(tables, config(1)).unwrap();
    let mut rng = StdRng::seed_from_u64(1);
    server.start(NOW, EPOCH, &mut rng).unwrap();
    server
}

/// Client `id`, at its own address.
fn of(id: u8) -> Forger {
    Forger::new(&Ticket::new(id.into()), client_address(id.into()))
}

#[test]
fn the_history_is_asked_before_the_slots_and_the_slots_before_the_half_open_entries() {
    let mut storage = StaticStorage::<1, 1, 3>::new();
    let mut server = start_in(storage.tables());
    // A client is half-open when another one fills the server.
    of(1).connect(&mut server, NOW).unwrap();
    server.disconnect(NOW, ClientIndex(0));
    crate::crafted::drain(&mut server, NOW);
    let challenge = of(2).ask(&mut server, NOW).unwrap();
    assert_eq!(
        of(3).ask(&mut server, NOW).unwrap_err(),
        Dropped::HalfOpenFull
    );
    let response = of(2).response(&challenge, 0);
    deliver(&mut server, NOW, of(2).from, &response).unwrap();
    assert_eq!((server.token_count(), server.connected_count()), (3, 1));
    // A token in the history: denied. A new one: no reply.
    let denied = deliver(&mut server, NOW, of(3).from, &of(3).request()).unwrap();
    assert_eq!(of(3).open(&denied.unwrap()), Opened::Denied);
    assert_eq!(
        deliver(&mut server, NOW, of(4).from, &of(4).request()),
        Err(Dropped::HistoryFull)
    );
}

#[test]
fn a_full_server_with_no_half_open_entry_left_still_denies() {
    let mut storage = StaticStorage::<2, 1, 8>::new();
    let mut server = start_in(storage.tables());
    let challenge = of(1).ask(&mut server, NOW).unwrap();
    let response = of(1).response(&challenge, 0);
    // The only slot goes to a loopback client; the only half-open entry is taken.
    let host = netcode_core::UserData::ZERO;
    server
        .connect_loopback(NOW, netcode_core::ClientId(99), &host)
        .unwrap();
    assert_eq!(server.half_open_count(), 1);
    let denied = deliver(&mut server, NOW, of(2).from, &of(2).request()).unwrap();
    assert_eq!(of(2).open(&denied.unwrap()), Opened::Denied);
    let denied = deliver(&mut server, NOW, of(1).from, &response).unwrap();
    assert_eq!(of(1).open(&denied.unwrap()), Opened::Denied);
}

#[test]
fn a_response_that_breaks_a_rule_is_not_denied_either() {
    let mut server = start_with(config(1), EPOCH, 1);
    let forger = Forger::new(&Ticket::new(2), outside());
    let challenge = forger.ask(&mut server, NOW).unwrap();
    let again = Ticket {
        seed: 50,
        ..Ticket::new(1)
    };
    let twin = Forger::new(&again, client_address(2));
    let twins_challenge = twin.ask(&mut server, NOW).unwrap();
    let inside = Forger::new(&Ticket::new(1), client_address(1));
    inside.connect(&mut server, NOW).unwrap();
    let mut forged = challenge;
    forged.token[0] ^= 1;
    let cases = [
        (&forger, forged, Dropped::ChallengeUnauthentic),
        (&forger, twins_challenge, Dropped::ChallengeMismatch),
        (&twin, twins_challenge, Dropped::IdConnected),
        (&inside, challenge, Dropped::AddressConnected),
    ];
    for (forger, challenge, reason) in cases {
        let response = forger.response(&challenge, 9);
        assert_eq!(
            deliver(&mut server, NOW, forger.from, &response),
            Err(reason),
            "{reason:?}"
        );
    }
    assert_eq!(server.stats().denied, 0);
}

#[test]
fn each_challenge_has_a_sequence_of_its_own_even_to_the_same_client() {
    let mut server = start_with(config(4), EPOCH, 1);
    let forger = Forger::new(&Ticket::new(2), outside());
    let sequences: Vec<Sequence> = (0..3)
        .map(|_| forger.ask(&mut server, NOW).unwrap().sequence)
        .collect();
    assert_eq!(sequences, [Sequence(0), Sequence(1), Sequence(2)]);
}

#[test]
fn a_challenge_of_another_run_opens_nothing() {
    let mut server = start_with(config(4), EPOCH, 1);
    let forger = Forger::new(&Ticket::new(2), outside());
    let old = forger.ask(&mut server, NOW).unwrap();
    server.stop(NOW);
    let mut rng = StdRng::seed_from_u64(2);
    server.start(NOW, EPOCH, &mut rng).unwrap();
    forger.ask(&mut server, NOW).unwrap();
    assert_eq!(
        deliver(&mut server, NOW, forger.from, &forger.response(&old, 0)),
        Err(Dropped::ChallengeUnauthentic)
    );
}

#[test]
fn a_sealed_datagram_is_dropped_for_the_first_rule_it_breaks() {
    let mut server = start_with(config(4), EPOCH, 1);
    let inside = Forger::new(&Ticket::new(1), client_address(1));
    inside.connect(&mut server, NOW).unwrap();
    deliver(&mut server, NOW, inside.from, &inside.payload(5)).unwrap();
    let wrong = Key::from_bytes([1; 32]);
    let cases = [
        (vec![0x97; 17], Dropped::TooShort),
        (vec![0x97; 18], Dropped::Type),
        (vec![0x92; 18], Dropped::Type),
        (vec![0x95; 18], Dropped::SequenceLength),
        // Eight sequence bytes leave no room for a MAC.
        (vec![0x86; 24], Dropped::TooShort),
        // The length of the body is known without a key: the standard's last check comes early.
        (vec![0x16; 19], Dropped::BodyLength),
        (
            sealed(&Packet::Payload(b"x"), &wrong, PROTOCOL, 5),
            Dropped::Replayed,
        ),
        (
            sealed(&Packet::Payload(b"x"), &wrong, PROTOCOL, 6),
            Dropped::Unauthentic,
        ),
    ];
    for (datagram, reason) in cases {
        assert_eq!(
            deliver(&mut server, NOW, inside.from, &datagram),
            Err(reason),
            "{reason:?}"
        );
    }
}

#[test]
fn a_disconnect_packet_from_an_unconnected_address_ends_no_session() {
    let mut server = start_with(config(4), EPOCH, 1);
    let forger = Forger::new(&Ticket::new(2), outside());
    let challenge = forger.ask(&mut server, NOW).unwrap();
    let disconnect = forger.packet(&Packet::Disconnect, 0);
    assert_eq!(
        deliver(&mut server, NOW, forger.from, &disconnect),
        Err(Dropped::UnknownSender)
    );
    let response = forger.response(&challenge, 1);
    deliver(&mut server, NOW, forger.from, &response).unwrap();
    assert_eq!(server.connected_count(), 1);
}

/// Delivers a packet to client `n`, sealed as by its server.
fn to_client(
    world: &mut World,
    n: usize,
    ticket: &Ticket,
    packet: &Packet<'_>,
    sequence: u64,
) -> Result<(), Dropped> {
    let keys = Forger::new(ticket, client_address(n)).keys();
    let mut datagram = sealed(packet, &keys.server_to_client, PROTOCOL, sequence);
    let client = &mut world.clients[n].client;
    client
        .handle_datagram(world.now, server_address(), &mut datagram)
        .map(|_| ())
}

const KEEP_ALIVE: Packet<'static> = Packet::KeepAlive {
    client_index: ClientIndex(3),
    max_clients: 4,
};
const GLOBAL: u64 = 1 << 63;

#[test]
fn a_client_that_asks_takes_a_challenge_or_a_denial_and_nothing_else() {
    let mut world = World::new(4);
    world.cut.push(server_address());
    let ticket = Ticket::new(1);
    let n = world.join(&ticket);
    for packet in [KEEP_ALIVE, Packet::Payload(b"early"), Packet::Disconnect] {
        let dropped = to_client(&mut world, n, &ticket, &packet, 0);
        assert_eq!(dropped, Err(Dropped::State));
        assert_eq!(world.state(n), ClientState::SendingConnectionRequest);
    }
    let denied = to_client(&mut world, n, &ticket, &Packet::Denied, GLOBAL);
    assert_eq!(denied, Ok(()));
    assert_eq!(world.state(n), ClientState::ConnectionDenied);
}

#[test]
fn a_client_that_answers_takes_a_keep_alive_or_a_denial_and_nothing_else() {
    let mut world = World::new(4);
    let ticket = Ticket::new(1);
    let n = world.join(&ticket);
    world.run_until(|world| world.state(n) == ClientState::SendingConnectionResponse);
    let challenge = Packet::Challenge {
        sequence: Sequence(9),
        token: &[9; 300],
    };
    for packet in [challenge, Packet::Payload(b"early"), Packet::Disconnect] {
        let dropped = to_client(&mut world, n, &ticket, &packet, 0);
        assert_eq!(dropped, Err(Dropped::State));
        assert_eq!(world.state(n), ClientState::SendingConnectionResponse);
    }
    assert_eq!(to_client(&mut world, n, &ticket, &KEEP_ALIVE, 0), Ok(()));
    assert_eq!(world.state(n), ClientState::Connected);
    let client = &mut world.clients[n].client;
    assert_eq!(client.client_index(), Some(ClientIndex(3)));
    // Once the client is connected, no keep-alive changes its slot.
    let moved = Packet::KeepAlive {
        client_index: ClientIndex(2),
        max_clients: 9,
    };
    assert_eq!(to_client(&mut world, n, &ticket, &moved, 1), Ok(()));
    let client = &world.clients[n].client;
    assert_eq!(client.client_index(), Some(ClientIndex(3)));
    assert_eq!(client.max_clients(), Some(4));
}

#[test]
fn a_denial_of_the_response_goes_to_the_next_address() {
    let mut world = World::new(4);
    let second = address("10.0.0.2:40000");
    let ticket = Ticket {
        servers: vec![server_address(), second],
        ..Ticket::new(1)
    };
    let n = world.join(&ticket);
    world.run_until(|world| world.state(n) == ClientState::SendingConnectionResponse);
    let denied = to_client(&mut world, n, &ticket, &Packet::Denied, GLOBAL);
    assert_eq!(denied, Ok(()));
    assert_eq!(world.state(n), ClientState::SendingConnectionRequest);
    let client = &mut world.clients[n].client;
    assert_eq!(client.server_address(), Some(second));
    // Packets of the first server now come from an unknown sender.
    let late = to_client(&mut world, n, &ticket, &Packet::Denied, GLOBAL + 1);
    assert_eq!(late, Err(Dropped::UnknownSender));
}

#[test]
fn a_client_drops_a_replayed_packet_unopened() {
    let mut world = World::new(4);
    let ticket = Ticket::new(1);
    let n = world.connect(&ticket);
    let payload = Packet::Payload(b"x");
    assert_eq!(to_client(&mut world, n, &ticket, &payload, 50), Ok(()));
    let wrong = Key::from_bytes([1; 32]);
    for (sequence, reason) in [(50, Dropped::Replayed), (51, Dropped::Unauthentic)] {
        let mut forged = sealed(&payload, &wrong, PROTOCOL, sequence);
        let client = &mut world.clients[n].client;
        let dropped = client.handle_datagram(world.now, server_address(), &mut forged);
        assert_eq!(dropped, Err(reason));
    }
}
