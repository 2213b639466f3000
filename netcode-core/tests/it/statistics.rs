//! Statistics of both roles.

use std::time::Duration;

use crate::crafted::{Forger, deliver};
use crate::network::{STORM, Ticket, World, client_address, server_address};
use netcode_core::{ClientId, ClientIndex, Instant};

#[test]
fn statistics_count_what_crossed() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    for _ in 0..5 {
        world.client_sends(n, &[1; 100]);
    }
    world.server_sends(ClientIndex(0), &[2; 50]);
    world.run_for(Duration::from_millis(50));
    // A payload is lost between two that arrive.
    world.client_sends(n, b"before");
    world.cut.push(server_address());
    world.client_sends(n, b"lost");
    world.cut.clear();
    world.client_sends(n, b"after");
    world.run_for(Duration::from_millis(20));
    let here = world.server.client(ClientIndex(0)).unwrap().stats;
    let there = world.clients[n].client.stats();
    assert_eq!((here.payloads_in, here.payloads_out), (7, 1));
    assert_eq!((there.payloads_in, there.payloads_out), (1, 8));
    assert_eq!(here.lost, 1);
    assert_eq!(here.handshake_round_trip, Some(Duration::from_millis(10)));
    assert_eq!(there.handshake_round_trip, Some(Duration::from_millis(10)));
    let totals = world.server.stats();
    assert_eq!(
        (totals.payloads_in, totals.payloads_out, totals.connects),
        (7, 1, 1)
    );
    assert!(totals.bytes_in > 1078 + 5 * 100 && totals.datagrams_in >= 9);
}

#[test]
fn a_server_counts_every_datagram_that_it_sends() {
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let mut server = crate::crafted::start();
    let now = Instant::from_millis(1_000);
    let mut sent = vec![];
    let challenge = deliver(&mut server, now, forger.from, &forger.request());
    sent.extend(challenge.unwrap());
    let challenge = forger.ask(&mut server, now).unwrap();
    // The first answer was as long as this one, whose bytes the forger has taken.
    sent.push(sent[0].clone());
    let response = forger.response(&challenge, 0);
    sent.push(forger.answer(&mut server, now, &response).unwrap());
    let mut out = [0; 1300];
    let outgoing = server.send(now, ClientIndex(0), &[7; 100], &mut out);
    let outgoing = outgoing.unwrap().unwrap().into_iter();
    sent.extend(outgoing.map(|transmit| transmit.datagram.to_vec()));
    assert_eq!(
        sent.len(),
        5,
        "two challenges, a keep-alive, and a payload with another"
    );
    let totals = server.stats();
    let bytes: usize = sent.iter().map(Vec::len).sum();
    assert_eq!((totals.datagrams_out, totals.bytes_out), (5, bytes as u64));
}

#[test]
fn a_round_trip_longer_than_the_send_interval_is_measured_whole() {
    let mut world = World::new(4);
    world.weather.latency = Duration::from_millis(130);
    let n = world.connect(&Ticket::new(1));
    let there = Some(Duration::from_millis(260));
    assert_eq!(world.clients[n].client.stats().handshake_round_trip, there);
    let here = world.server.client(ClientIndex(0)).unwrap().stats;
    assert_eq!(here.handshake_round_trip, there);
}

#[test]
fn a_handshake_in_a_storm_is_never_measured_shorter_than_the_latency() {
    let mut world = World::new(16);
    world.weather = STORM;
    let there_and_back = STORM.latency * 2;
    for id in 0..16 {
        let n = world.connect(&Ticket::new(id));
        let measured = world.clients[n].client.stats().handshake_round_trip;
        assert!(measured.unwrap() >= there_and_back, "{measured:?}");
        let here = world.server.find_by_id(ClientId(id)).unwrap();
        let measured = world
            .server
            .client(here)
            .unwrap()
            .stats
            .handshake_round_trip;
        assert!(measured.unwrap() >= there_and_back, "{measured:?}");
    }
}
