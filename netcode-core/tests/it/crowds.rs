//! Many clients at once: each connects, stays connected, leaves and reconnects.

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::crafted::Forger;
use crate::network::{EPOCH, Ticket, client_address, config};
use netcode_core::server::{Capacity, DisconnectReason, Event, Server, Storage};
use netcode_core::{ClientId, ClientIndex, Dropped, Instant};
use rand::SeedableRng;

const NOW: Instant = Instant::ZERO;

fn crowd(clients: usize, round: u64) -> Vec<Forger> {
    (0..clients)
        .map(|n| {
            let id = u64::try_from(n).unwrap();
            let ticket = Ticket {
                seed: id + (round << 32),
                ..Ticket::new(id)
            };
            Forger::new(&ticket, client_address(n))
        })
        .collect()
}

fn take_events(server: &mut Server<'static>) -> Vec<Event> {
    let mut out = [0; 1300];
    while server.poll_transmit(NOW, &mut out).is_some() {}
    std::iter::from_fn(|| server.poll_event()).collect()
}

fn all_come_and_go(clients: usize) {
    let count = u32::try_from(clients).unwrap();
    let storage = Storage::heap(Capacity::for_clients(count));
    let mut server = Server::new(storage, config(count)).unwrap();
    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    server.start(NOW, EPOCH, &mut rng).unwrap();

    let first = crowd(clients, 0);
    for forger in &first {
        forger.connect(&mut server, NOW).unwrap();
    }
    assert_eq!(server.connected_count(), count);
    assert_eq!(
        take_events(&mut server),
        [],
        "each event was returned at once"
    );
    let slots: HashSet<ClientIndex> = server.clients().map(|info| info.client).collect();
    assert_eq!(slots.len(), clients);
    for (n, forger) in first.iter().enumerate() {
        let client = server
            .find_by_id(ClientId(u64::try_from(n).unwrap()))
            .unwrap();
        assert_eq!(server.find_by_address(forger.from), Some(client));
        crate::crafted::deliver(&mut server, NOW, forger.from, &forger.payload(1)).unwrap();
        assert_eq!(server.client(client).unwrap().stats.payloads_in, 1);
    }
    let late = Forger::new(
        &Ticket::new(u64::MAX),
        SocketAddr::from(([10, 200, 0, 1], 1)),
    );
    let denied = crate::crafted::deliver(&mut server, NOW, late.from, &late.request()).unwrap();
    assert_eq!(late.open(&denied.unwrap()), crate::crafted::Opened::Denied);

    // Every other client leaves and reconnects with a new token.
    for index in (0..clients).step_by(2) {
        assert!(server.disconnect(NOW, ClientIndex(u32::try_from(index).unwrap())));
    }
    let left = take_events(&mut server);
    assert_eq!(left.len(), clients.div_ceil(2));
    assert!(left.iter().all(|event| matches!(
        event,
        Event::Disconnected {
            reason: DisconnectReason::ByServer,
            ..
        }
    )));
    let again = crowd(clients, 1);
    for (n, forger) in again.iter().enumerate() {
        let connected = forger.connect(&mut server, NOW);
        let expected = if n % 2 == 0 {
            Ok(())
        } else {
            Err(Dropped::AddressConnected)
        };
        assert_eq!(connected, expected);
    }
    assert_eq!(server.connected_count(), count);
}

#[test]
fn two_hundred_and_fifty_six_clients_connect_and_disconnect() {
    all_come_and_go(256);
}

#[test]
fn four_thousand_and_ninety_six_clients_connect_and_disconnect() {
    all_come_and_go(4096);
}
