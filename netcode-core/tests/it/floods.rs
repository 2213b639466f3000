//! Tests of floods from one host, one client id or many forged addresses, and of the limits on
//! each. Each limit removed from the code makes its test fail.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use crate::crafted::{Forger, NOW, drain, start_with};
use crate::network::{EPOCH, Ticket, World, client_address, config, storage};
use netcode_core::client::ClientState;
use netcode_core::server::SourceLimit;
use netcode_core::{ClientIndex, Dropped, Instant};
use rand::{Rng, RngExt};

/// A host with an unlimited number of ports.
fn port_of(host: [u8; 4], port: usize) -> SocketAddr {
    SocketAddr::from((host, u16::try_from(1000 + port).unwrap()))
}

/// Sends requests with `tokens`, of one client id each or all of one, from the ports of one host.
fn asks(
    server: &mut netcode_core::server::Server<'_>,
    now: Instant,
    tokens: Range<u64>,
    same_id: bool,
    from: impl Fn(usize) -> SocketAddr,
) -> Vec<Result<(), Dropped>> {
    tokens
        .map(|seed| {
            let ticket = Ticket {
                seed,
                ..Ticket::new(if same_id { 1000 } else { seed })
            };
            let from = from(usize::try_from(seed).unwrap());
            Forger::new(&ticket, from).ask(server, now).map(|_| ())
        })
        .collect()
}

fn count(results: &[Result<(), Dropped>], reason: Dropped) -> usize {
    results
        .iter()
        .filter(|&&result| result == Err(reason))
        .count()
}

#[test]
fn one_host_with_many_tokens_leaves_room_for_the_handshakes_of_others() {
    let mut server = start_with(config(16), EPOCH, 1);
    let asked = asks(&mut server, NOW, 1000..1032, false, |n| {
        port_of([203, 0, 113, 7], n)
    });
    // A quarter of the 32 entries.
    assert_eq!(count(&asked, Dropped::HostLimit), 24);
    for n in 0..16 {
        let honest = Forger::new(&Ticket::new(n), client_address(usize::try_from(n).unwrap()));
        honest.connect(&mut server, NOW).unwrap();
    }
}

#[test]
fn one_client_id_with_many_tokens_leaves_room_for_the_handshakes_of_others() {
    let mut server = start_with(config(16), EPOCH, 1);
    let elsewhere = client_address;
    let asked = asks(&mut server, NOW, 1000..1032, true, elsewhere);
    assert_eq!(count(&asked, Dropped::IdLimit), 24);
    let honest = Forger::new(&Ticket::new(1), client_address(1));
    honest.connect(&mut server, NOW).unwrap();
}

#[test]
fn one_host_cannot_fill_the_token_history() {
    let mut server = start_with(config(16), EPOCH, 1);
    let mut now = NOW;
    for round in 0..4 {
        let first = 1000 + 100 * round;
        let host = |n| port_of([203, 0, 113, 7], n);
        let asked = asks(&mut server, now, first..first + 32, false, host);
        // A quarter of the half-open connections in each round, until a quarter of the 64 tokens of
        // the history belong to this host.
        let refused = if round < 2 { 24 } else { 32 };
        assert_eq!(count(&asked, Dropped::HostLimit), refused);
        // The handshakes end; the tokens remain valid.
        for _ in 0..11 {
            now = now.saturating_add(Duration::from_secs(1));
            server.set_unix_time(now, EPOCH);
        }
    }
    assert_eq!(server.token_count(), 16);
    let honest = Forger::new(&Ticket::new(1), client_address(1));
    honest.connect(&mut server, now).unwrap();
}

#[test]
fn the_entries_of_a_host_are_free_again_when_its_handshakes_end_and_its_tokens_expire() {
    let mut server = start_with(config(16), EPOCH, 1);
    let host = |n| port_of([203, 0, 113, 7], n);
    asks(&mut server, NOW, 1000..1032, false, host);
    let mut now = NOW;
    for second in 1..=46 {
        now = now.saturating_add(Duration::from_secs(1));
        server.set_unix_time(now, EPOCH.saturating_add_secs(second));
    }
    let ticket = Ticket {
        created: EPOCH.as_secs() + 46,
        ..Ticket::new(1)
    };
    Forger::new(&ticket, host(500))
        .connect(&mut server, now)
        .unwrap();
    assert_eq!((server.token_count(), server.half_open_count()), (1, 0));
}

#[test]
fn one_host_fills_every_slot_of_a_server_of_the_default_proportions() {
    let mut server = start_with(config(16), EPOCH, 1);
    for n in 0..16 {
        let client = Forger::new(
            &Ticket::new(n),
            port_of([203, 0, 113, 7], usize::try_from(n).unwrap()),
        );
        client.connect(&mut server, NOW).unwrap();
        drain(&mut server, NOW);
    }
    assert_eq!(server.connected_count(), 16);
}

#[test]
fn without_limits_one_host_may_hold_everything() {
    let mut open = config(16);
    open.per_host = SourceLimit::Unlimited;
    open.per_id = SourceLimit::Unlimited;
    let mut server = start_with(open, EPOCH, 1);
    let asked = asks(&mut server, NOW, 1000..1032, true, |n| {
        port_of([203, 0, 113, 7], n)
    });
    assert!(asked.iter().all(Result::is_ok));
    assert_eq!(server.half_open_count(), 32);
}

/// Decryptions per second in the floods below; forged requests come at ten times this rate.
const BUDGET: u32 = 100;
const FLOOD: u64 = 1000;

/// Sends a flood of forged requests from `source` for ten seconds to a server with a client that
/// sends 20 payloads a second, while another client tries to connect from the second second on.
/// Returns the world and the time this took.
fn flood(mut source: impl FnMut(&mut World) -> SocketAddr) -> (World, Duration) {
    let mut strict = config(4);
    strict.opens_per_second = NonZeroU32::new(BUDGET);
    let mut world = World::with(storage(), strict);
    let inside = world.connect(&Ticket::new(1));
    let mut joined = None;
    let mut connected = None;
    for millis in 0..10_000_u64 {
        // About one per millisecond, at irregular intervals.
        for _ in 0..world.rng.next_u64() % (2 * FLOOD / 1000 + 1) {
            let mut request = Forger::new(&Ticket::new(2), client_address(2)).request();
            world.rng.fill_bytes(&mut request[54..]);
            let from = source(&mut world);
            let dropped = world.deliver_to_server(from, &request).unwrap_err();
            assert!(matches!(
                dropped,
                Dropped::TokenUnauthentic | Dropped::OverBudget
            ));
        }
        if millis % 50 == 0 {
            world.client_sends(inside, b"payload");
        }
        if millis == 2_000 {
            joined = Some((world.join(&Ticket::new(3)), world.now));
        }
        world.run_for(Duration::from_millis(1));
        if let Some((client, since)) = joined
            && connected.is_none()
            && world.state(client) == ClientState::Connected
        {
            connected = Some(world.now.saturating_since(since));
        }
    }
    assert_eq!(world.payloads.len(), 200, "the client inside lost payloads");
    assert_eq!(world.state(inside), ClientState::Connected);
    assert_eq!(world.server.client(ClientIndex(0)).unwrap().client_id.0, 1);
    // A second's worth at once, and then the rate.
    let opened = world.server.stats().dropped.get(Dropped::TokenUnauthentic);
    assert!(opened <= BUDGET * 11, "{opened} forged tokens were opened");
    (world, connected.unwrap_or(Duration::MAX))
}

#[test]
fn a_flood_from_one_host_delays_a_new_client_by_less_than_a_tenth_of_a_second() {
    let (_, took) = flood(|world| {
        let port = world.rng.random_range(1..60_000);
        SocketAddr::from(([203, 0, 113, 7], port))
    });
    assert!(took < Duration::from_millis(100), "{took:?}");
}

#[test]
fn a_flood_from_forged_addresses_at_ten_times_the_budget_delays_a_new_client_by_less_than_two_seconds()
 {
    let (_, took) = flood(|world| {
        let host: [u8; 4] = world.rng.random();
        SocketAddr::from((host, 1000))
    });
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn responses_are_paid_from_the_budget_too() {
    let mut strict = config(4);
    strict.opens_per_second = NonZeroU32::new(BUDGET);
    let mut server = start_with(strict, EPOCH, 1);
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let challenge = forger.ask(&mut server, NOW).unwrap();
    let mut forged = forger.response(&challenge, 0);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let refused: Vec<_> = (0..1000)
        .map(|_| crate::crafted::deliver(&mut server, NOW, forger.from, &forged).unwrap_err())
        .collect();
    let opened = refused
        .iter()
        .filter(|&&reason| reason == Dropped::Unauthentic)
        .count();
    assert!(opened <= usize::try_from(BUDGET).unwrap(), "{opened}");
    assert_eq!(refused.last(), Some(&Dropped::OverBudget));
    // A second later the budget has refilled.
    let later = NOW.saturating_add(Duration::from_secs(1));
    let response = forger.response(&challenge, 0);
    crate::crafted::deliver(&mut server, later, forger.from, &response).unwrap();
}
