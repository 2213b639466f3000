//! Tests of the binding of a challenge to its half-open connection. Each rule removed from the code
//! makes its test fail.

use std::time::Duration;

use crate::crafted::{Forger, NOW, deliver, start, start_with};
use crate::network::{EPOCH, Ticket, client_address, config};
use netcode_core::{ClientIndex, Dropped};

/// Two tokens of one client id, as from a backend that was asked twice.
fn two_tickets() -> [Ticket; 2] {
    [1, 2].map(|seed| Ticket {
        seed,
        ..Ticket::new(7)
    })
}

#[test]
fn a_challenge_for_one_token_opens_no_session_with_another_from_a_forged_address() {
    let mut server = start();
    let [first, second] = two_tickets();
    let attacker = Forger::new(&first, client_address(1));
    let challenge = attacker.ask(&mut server, NOW).unwrap();
    // The attacker sends from the victim's address and receives nothing there.
    let forged = Forger::new(&second, client_address(2));
    deliver(&mut server, NOW, forged.from, &forged.request()).unwrap();
    let response = forged.response(&challenge, 0);
    assert_eq!(
        deliver(&mut server, NOW, forged.from, &response),
        Err(Dropped::ChallengeMismatch)
    );
    assert_eq!(server.connected_count(), 0);
    assert_eq!(server.find_by_address(forged.from), None);
}

#[test]
fn the_user_data_of_a_session_is_that_of_its_own_token() {
    let mut server = start();
    let [expired, fresh] = two_tickets();
    let old = Forger::new(&expired, client_address(1));
    let challenge = old.ask(&mut server, NOW).unwrap();
    // A day later its token has expired; the challenge was never answered.
    server.set_unix_time(NOW, EPOCH.saturating_add_secs(86_400));
    let fresh = Forger::new(
        &Ticket {
            created: EPOCH.as_secs() + 86_400,
            ..fresh
        },
        client_address(1),
    );
    fresh.ask(&mut server, NOW).unwrap();
    let response = fresh.response(&challenge, 0);
    assert_eq!(
        deliver(&mut server, NOW, fresh.from, &response),
        Err(Dropped::ChallengeMismatch)
    );
}

#[test]
fn a_challenge_of_an_earlier_handshake_does_not_answer_a_later_one() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let early = forger.ask(&mut server, NOW).unwrap();
    // The handshake ends; the address may then belong to another client.
    let mut now = NOW;
    for _ in 0..11 {
        now = now.saturating_add(Duration::from_secs(1));
        server.set_unix_time(now, EPOCH);
    }
    let late = forger.ask(&mut server, now).unwrap();
    let deliver = |server: &mut _, challenge, sequence| {
        let response = forger.response(challenge, sequence);
        deliver(server, now, forger.from, &response)
    };
    assert_eq!(
        deliver(&mut server, &early, 0),
        Err(Dropped::ChallengeMismatch)
    );
    deliver(&mut server, &late, 1).unwrap();
    assert_eq!(server.client(ClientIndex(0)).unwrap().client_id.0, 1);
}

#[test]
fn every_challenge_of_one_handshake_answers_for_it() {
    let mut server = start_with(config(1), EPOCH, 1);
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let first = forger.ask(&mut server, NOW).unwrap();
    let later = NOW.saturating_add(Duration::from_millis(100));
    forger.ask(&mut server, later).unwrap();
    // The answer to the first request may come after the second request.
    deliver(&mut server, later, forger.from, &forger.response(&first, 0)).unwrap();
    assert_eq!(server.connected_count(), 1);
}
