//! Half-open connections: bounded, short, and nobody's to overwrite. Take a rule out of the code,
//! and its test here fails.
#![allow(clippy::unwrap_used, reason = "tests stop where they fail")]

mod crafted;
mod network;

use std::time::Duration;

use crafted::{Forger, NOW, Opened, deliver, start};

use netcode_core::{ClientIndex, Dropped};
use network::{Ticket, World, client_address};

// Rule 7: half-open connections are bounded, short, and nobody's to overwrite.

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
    let reply = deliver(
        &mut server,
        NOW,
        victim.from,
        &victim.response(&challenge, 0),
    );
    assert_eq!(victim.open(&reply.unwrap().unwrap()), Opened::KeepAlive);
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
