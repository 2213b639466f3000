//! Tests of half-open connections. Each rule removed from the code makes its test fail.

use std::net::SocketAddr;
use std::time::Duration;

use crate::crafted::{Forger, NOW, Opened, deliver, start, start_with};
use crate::network::{EPOCH, Ticket, World, client_address, config};
use netcode_core::server::{Server, SourceLimit};
use netcode_core::{ClientIndex, Dropped, Instant};

// Rule 7: half-open connections are bounded, short-lived, and cannot be overwritten by others.

#[test]
fn a_token_sent_from_a_victim_s_address_does_not_take_its_place() {
    let mut server = start();
    let victim = Forger::new(&Ticket::new(1), client_address(1));
    let challenge = victim.ask(&mut server, NOW).unwrap();
    for id in 2..=4 {
        let attacker = Forger::new(&Ticket::new(id), victim.from);
        attacker.ask(&mut server, NOW).unwrap();
    }
    let fifth = Forger::new(&Ticket::new(5), victim.from);
    assert_eq!(
        fifth.ask(&mut server, NOW).unwrap_err(),
        Dropped::HalfOpenFull
    );
    let response = victim.response(&challenge, 0);
    let keep_alive = victim.answer(&mut server, NOW, &response).unwrap();
    assert_eq!(victim.open(&keep_alive), Opened::KeepAlive);
    assert_eq!(server.client(ClientIndex(0)).unwrap().client_id.0, 1);
}

#[test]
fn a_handshake_ends_soon_whatever_timeout_its_token_asks_for() {
    for timeout in [-1, 0, i32::MAX] {
        let mut world = World::new(4);
        let forger = Forger::new(
            &Ticket {
                timeout,
                ..Ticket::new(1)
            },
            client_address(1),
        );
        let challenge = forger.ask(&mut world.server, world.now).unwrap();
        assert_eq!(world.server.half_open_count(), 1);
        world.run_for(Duration::from_millis(10_100));
        assert_eq!(world.server.half_open_count(), 0);
        let late = forger.response(&challenge, 0);
        assert_eq!(
            world.deliver_to_server(forger.from, &late),
            Err(Dropped::UnknownSender)
        );
    }
}

#[test]
fn clients_behind_one_address_are_told_apart_by_their_ports() {
    // All at once they exceed one host's share of this storage.
    let mut campus = config(16);
    campus.per_host = SourceLimit::Unlimited;
    let mut server = start_with(campus, EPOCH, 1);
    let behind_nat = |port: u16| {
        let from = SocketAddr::from(([203, 0, 113, 7], port));
        Forger::new(&Ticket::new(port.into()), from)
    };
    let asking: Vec<Forger> = (1..=16).map(behind_nat).collect();
    let challenges: Vec<_> = asking
        .iter()
        .map(|forger| forger.ask(&mut server, NOW).unwrap())
        .collect();
    assert_eq!(server.half_open_count(), 16);
    for (forger, challenge) in asking.iter().zip(&challenges) {
        let response = forger.response(challenge, 0);
        deliver(&mut server, NOW, forger.from, &response).unwrap();
    }
    assert_eq!(server.connected_count(), 16);
}

/// Advances time by eleven seconds, one more than the limit of a handshake, without a poll.
fn pass_eleven_seconds(server: &mut Server<'_>) -> Instant {
    let mut now = NOW;
    for _ in 0..11 {
        now = now.saturating_add(Duration::from_secs(1));
        server.set_unix_time(now, EPOCH);
    }
    now
}

#[test]
fn a_response_after_the_deadline_is_dropped_even_before_a_poll() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let challenge = forger.ask(&mut server, NOW).unwrap();
    let late = pass_eleven_seconds(&mut server);
    assert_eq!(
        deliver(
            &mut server,
            late,
            forger.from,
            &forger.response(&challenge, 0)
        ),
        Err(Dropped::UnknownSender)
    );
}

#[test]
fn expired_half_open_entries_make_room_even_before_a_poll() {
    let mut server = start();
    // One address may have four handshakes under way.
    let of = |id| Forger::new(&Ticket::new(id), client_address(1));
    for id in 1..=4 {
        of(id).ask(&mut server, NOW).unwrap();
    }
    let late = pass_eleven_seconds(&mut server);
    of(5).ask(&mut server, late).unwrap();
    assert_eq!(server.half_open_count(), 1);
}

#[test]
fn a_slot_whose_client_never_sends_ends_with_the_handshake_timeout_even_without_a_token_timeout() {
    let mut world = World::new(4);
    let ticket = Ticket {
        timeout: -1,
        ..Ticket::new(1)
    };
    // Of an address without a client, so no reply comes.
    let forger = Forger::new(&ticket, client_address(99));
    forger.connect(&mut world.server, world.now).unwrap();
    world.run_for(Duration::from_millis(9_900));
    assert_eq!(world.server.connected_count(), 1);
    world.run_for(Duration::from_millis(200));
    assert_eq!(world.server.connected_count(), 0);
    // A confirmed client without a timeout stays connected.
    let n = world.connect(&Ticket {
        timeout: -1,
        ..Ticket::new(2)
    });
    world.run_for(Duration::from_secs(1));
    let address = world.clients[n].address;
    world.cut.push(address);
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.server.connected_count(), 1);
}
