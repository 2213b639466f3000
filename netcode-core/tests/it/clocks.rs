//! Irregular clocks: calls with alternating times, clocks that are set.

use std::time::Duration;

use crate::network::{Ticket, World, client_address, server_address};
use netcode_core::Instant;
use netcode_core::client::ClientState;

/// A connected pair, and a thousand calls whose times alternate: a datagram's arrival as the
/// kernel stamped it, then the present, 900 ms later.
fn alternate(mut call: impl FnMut(&mut World, Instant)) -> World {
    let mut world = World::new(1);
    world.connect(&Ticket::new(1));
    let begin = world.now;
    for micros in 0..1000 {
        let stamped = begin.saturating_add(Duration::from_micros(micros));
        call(&mut world, stamped);
        call(
            &mut world,
            stamped.saturating_add(Duration::from_millis(900)),
        );
    }
    world.now = begin.saturating_add(Duration::from_millis(902));
    world
}

#[test]
fn a_server_whose_call_times_alternate_loses_no_client() {
    let mut out = [0; 1300];
    let mut world = alternate(|world, now| {
        let junk = &mut [9; 40];
        assert!(
            world
                .server
                .handle_datagram(now, client_address(7), junk)
                .is_err()
        );
        while world.server.poll_transmit(now, &mut out).is_some() {}
    });
    assert_eq!(world.server.connected_count(), 1);
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.server.connected_count(), 1);
}

#[test]
fn a_client_whose_call_times_alternate_stays_connected() {
    let mut out = [0; 1300];
    let mut world = alternate(|world, now| {
        let client = &mut world.clients[0].client;
        let junk = &mut [9; 40];
        assert!(client.handle_datagram(now, server_address(), junk).is_err());
        while client.poll_transmit(now, &mut out).is_some() {}
    });
    assert_eq!(world.state(0), ClientState::Connected);
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.state(0), ClientState::Connected);
}
