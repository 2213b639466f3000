//! Tests of nonces and replay protection. Each rule removed from the code makes its test fail.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::crafted::{Forger, NOW, deliver, sealed, start, start_with};
use netcode_core::address::AddressList;
use netcode_core::client::ClientState;
use netcode_core::crypto::Key;
use netcode_core::packet::Packet;

use crate::network::{
    EPOCH, PROTOCOL, STORM, Ticket, World, address, client_address, config, server_address, storage,
};
use netcode_core::{ClientIndex, Dropped};

// Rule 5: no nonce repeats under a key.

#[test]
fn two_servers_and_two_runs_draw_different_global_sequences() {
    let first_reply = |seed| {
        let mut server = start_with(config(4), EPOCH, seed);
        let forger = Forger::new(&Ticket::new(1), client_address(1));
        deliver(&mut server, NOW, forger.from, &forger.request())
            .unwrap()
            .unwrap()
    };
    let (one, other) = (first_reply(1), first_reply(2));
    // Eight sequence bytes, of which the top bit is set.
    assert_eq!((one[0] >> 4, other[0] >> 4), (8, 8));
    assert!(one[8] & other[8] & 0x80 != 0);
    assert_ne!(one[1..9], other[1..9]);
}

/// Sequence of an encrypted packet.
fn sequence_of(datagram: &[u8]) -> u64 {
    let len = usize::from(datagram[0] >> 4);
    let mut sequence = [0; 8];
    sequence[..len].copy_from_slice(&datagram[1..=len]);
    u64::from_le_bytes(sequence)
}

/// Checks that all recorded packets with the same nonce and key are identical.
fn assert_no_nonce_repeats(world: &World) {
    let mut seen = HashMap::new();
    let sealed = world.tape.iter().filter(|(_, _, bytes)| bytes[0] != 0);
    for (from, to, bytes) in sealed {
        let upwards = *to == server_address()
            || to.ip() != from.ip() && world.clients.iter().any(|p| p.address == *from);
        let client = if upwards { from } else { to };
        let nonce = (upwards, *client, sequence_of(bytes));
        let before = seen.insert(nonce, bytes);
        assert!(
            before.is_none_or(|before| before == bytes),
            "{nonce:?} sealed twice"
        );
    }
    assert!(seen.len() > 10);
}

#[test]
fn in_a_storm_no_nonce_repeats_under_a_key() {
    let mut world = World::new(16);
    world.weather = STORM;
    let clients: Vec<usize> = (0..16).map(|id| world.join(&Ticket::new(id))).collect();
    for _ in 0..100 {
        for &n in &clients {
            if world.state(n) == ClientState::Connected {
                world.client_sends(n, b"up");
            }
        }
        let inside: Vec<ClientIndex> = world.server.clients().map(|info| info.client).collect();
        for client in inside {
            world.server_sends(client, b"down");
        }
        world.run_for(Duration::from_millis(20));
    }
    world.server.disconnect_all(world.now);
    world.run_for(Duration::from_secs(10));
    assert_no_nonce_repeats(&world);
}

/// Checks that the sequences of client `n`'s packets increase.
fn assert_sequences_rise(world: &World, n: usize) {
    let mut last = None;
    let sealed = world
        .tape
        .iter()
        .filter(|(from, _, bytes)| *from == client_address(n) && bytes[0] != 0);
    for (_, _, bytes) in sealed {
        assert!(
            last < Some(bytes[1]),
            "sequence {} after {last:?}",
            bytes[1]
        );
        last = Some(bytes[1]);
    }
    assert!(last > Some(10));
}

#[test]
fn a_client_s_sequence_goes_on_from_address_to_address() {
    let mut config = config(4);
    let second = address("10.0.0.2:40000");
    config.addresses.push(second).unwrap();
    let mut world = World::with(storage(), config);
    let ticket = Ticket {
        servers: vec![server_address(), second],
        ..Ticket::new(1)
    };
    let n = world.join(&ticket);
    world.run_until(|world| world.state(n) == ClientState::SendingConnectionResponse);
    // The response goes to the first address, which is now cut off.
    world.server_at = second;
    world.run_until(|world| world.state(n) == ClientState::Connected);
    assert_sequences_rise(&world, n);
}

#[test]
fn two_servers_of_one_token_seal_with_no_nonce_in_common() {
    let (here, there) = (server_address(), address("10.0.0.2:40000"));
    let ticket = Ticket {
        servers: vec![here, there],
        ..Ticket::new(1)
    };
    // The client receives nothing from the first server, which gave it a slot, and moves on to the
    // second.
    let sealed_by = |at, seed| {
        let mut config = config(4);
        config.addresses = AddressList::new(&[at]).unwrap();
        let mut server = start_with(config, EPOCH, seed);
        let forger = Forger::new(&ticket, client_address(1));
        let challenge = forger.ask(&mut server, NOW).unwrap();
        let response = forger.response(&challenge, 0);
        let mut datagrams = vec![forger.answer(&mut server, NOW, &response).unwrap()];
        let mut out = [0; 1300];
        for _ in 0..100 {
            let sent = server.send(NOW, ClientIndex(0), b"payload", &mut out);
            let sent = sent.unwrap().unwrap();
            datagrams.extend(sent.into_iter().map(|transmit| transmit.datagram.to_vec()));
        }
        assert_eq!(
            server.client(ClientIndex(0)).unwrap().stats.datagrams_out,
            201
        );
        datagrams
            .iter()
            .map(|datagram| sequence_of(datagram))
            .collect::<HashSet<u64>>()
    };
    let (one, other) = (sealed_by(here, 1), sealed_by(there, 2));
    assert_eq!((one.len(), other.len()), (201, 201));
    assert!(one.is_disjoint(&other));
}

#[test]
fn a_token_for_one_server_begins_at_sequence_zero_and_costs_no_byte_more() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let challenge = forger.ask(&mut server, NOW).unwrap();
    let response = forger.response(&challenge, 0);
    let keep_alive = forger.answer(&mut server, NOW, &response).unwrap();
    assert_eq!(sequence_of(&keep_alive), 0);
}

#[test]
fn a_client_s_sequence_goes_on_from_token_to_token_and_back() {
    let mut world = World::new(4);
    world.cut.push(server_address());
    let n = world.join(&Ticket::new(1));
    for id in [1, 1, 2, 1] {
        let test_client = &mut world.clients[n];
        test_client.client.disconnect(world.now);
        world.drain();
        let token = Ticket::new(id).mint();
        let test_client = &mut world.clients[n];
        test_client.client.connect(world.now, &token).unwrap();
        world.drain();
    }
    assert_sequences_rise(&world, n);
}

// Rule 6: only authentic packets move the replay window, and it does not overflow.

#[test]
fn a_forged_sequence_moves_no_replay_window() {
    let ticket = Ticket::new(1);
    let mut world = World::new(4);
    let n = world.connect(&ticket);
    let wrong = Key::from_bytes([1; 32]);
    for sequence in [300, u64::MAX >> 1, u64::MAX] {
        let mut forged = sealed(&Packet::Payload(b"forged"), &wrong, PROTOCOL, sequence);
        let dropped = world.deliver_to_server(client_address(n), &forged);
        assert_eq!(dropped, Err(Dropped::Unauthentic));
        let client = &mut world.clients[n].client;
        let dropped = client.handle_datagram(world.now, server_address(), &mut forged);
        assert_eq!(dropped, Err(Dropped::Unauthentic));
    }
    world.client_sends(n, b"up");
    world.server_sends(ClientIndex(0), b"down");
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.payloads, [(ClientIndex(0), b"up".to_vec())]);
    assert_eq!(world.clients[n].payloads, [b"down"]);
}

#[test]
fn the_end_of_the_sequences_neither_panics_nor_lets_anything_in_twice() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let mut send = |sequence| deliver(&mut server, NOW, forger.from, &forger.payload(sequence));
    assert_eq!(send(u64::MAX), Ok(None));
    assert_eq!(send(u64::MAX), Err(Dropped::Replayed));
    assert_eq!(send(u64::MAX - 255), Ok(None));
    assert_eq!(send(u64::MAX - 256), Err(Dropped::Replayed));
    assert_eq!(send(5), Err(Dropped::Replayed));
}
