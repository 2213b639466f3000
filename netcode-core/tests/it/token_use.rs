//! Tests of token use: one session per token, and the lifetime of history entries. Each rule
//! removed from the code makes its test fail.

use std::time::Duration;

use crate::crafted::{Forger, NOW, drain, start, start_with};
use crate::network::{EPOCH, Ticket, World, address, client_address, config, server_address};
use netcode_core::client::{ClientState, ConnectError};
use netcode_core::server::{RestartRule, Server, StaticStorage};
use netcode_core::{ClientIndex, Dropped};
use rand::SeedableRng;
use rand::rngs::StdRng;

// Rule 2: one session for each token.

#[test]
fn a_recorded_session_cannot_be_played_again() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.client_sends(n, b"pay 100 gold");
    world.run_for(Duration::from_secs(1));
    let recorded: Vec<_> = world
        .tape
        .iter()
        .filter(|(from, ..)| *from == client_address(n))
        .cloned()
        .collect();
    world.clients[n].client.disconnect(world.now);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.server.connected_count(), 0);
    world.payloads.clear();
    for from in [client_address(n), client_address(50)] {
        for (_, _, datagram) in &recorded {
            assert!(world.deliver_to_server(from, datagram).is_err());
        }
    }
    assert_eq!(world.server.connected_count(), 0);
    assert_eq!(world.payloads, []);
    assert!(world.drops.contains(&Dropped::TokenConsumed));
}

#[test]
fn a_pending_token_may_be_shown_again_from_the_same_address_only() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.ask(&mut server, NOW).unwrap();
    let elsewhere = Forger {
        token: forger.token.clone(),
        from: client_address(2),
    };
    assert_eq!(
        elsewhere.ask(&mut server, NOW).unwrap_err(),
        Dropped::TokenElsewhere
    );
    let other_port = Forger {
        token: forger.token.clone(),
        from: address("10.1.0.1:50001"),
    };
    assert_eq!(
        other_port.ask(&mut server, NOW).unwrap_err(),
        Dropped::TokenElsewhere
    );
    forger.connect(&mut server, NOW).unwrap();
    assert_eq!((server.token_count(), server.connected_count()), (1, 1));
}

#[test]
fn a_consumed_token_never_connects_again_even_after_a_stop() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    server.stop(NOW);
    drain(&mut server, NOW);
    server
        .start(NOW, EPOCH, &mut StdRng::seed_from_u64(2))
        .unwrap();
    assert_eq!(
        forger.ask(&mut server, NOW).unwrap_err(),
        Dropped::TokenConsumed
    );
}

#[test]
fn a_client_opens_no_second_session_with_its_token() {
    let mut world = World::new(4);
    let ticket = Ticket::new(1);
    let n = world.connect(&ticket);
    world.server_sends(ClientIndex(0), b"you won 100 gold");
    world.run_for(Duration::from_secs(1));
    world.server.disconnect(world.now, ClientIndex(0));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.clients[n].payloads.len(), 1);
    // If the token were accepted again, a recording of the server would establish a session.
    let client = &mut world.clients[n].client;
    let refused = client.connect(world.now, &ticket.mint());
    assert_eq!(refused, Err(ConnectError::Spent));
    let recorded = world
        .tape
        .iter()
        .filter(|(_, to, _)| *to == client_address(n));
    for (from, _, datagram) in recorded {
        let mut datagram = datagram.clone();
        let dropped = client.handle_datagram(world.now, *from, &mut datagram);
        assert_eq!(dropped, Err(Dropped::Inactive));
    }
    assert_eq!(client.state(), ClientState::Disconnected);
}

#[test]
fn an_attempt_that_failed_may_be_repeated_with_its_token() {
    let mut world = World::new(4);
    let ticket = Ticket::new(1);
    world.cut.push(server_address());
    let n = world.join(&ticket);
    world.run_until(|world| world.state(n) == ClientState::ConnectionRequestTimedOut);
    world.cut.clear();
    let client = &mut world.clients[n].client;
    client.connect(world.now, &ticket.mint()).unwrap();
    world.run_until(|world| world.state(n) == ClientState::Connected);
}

// Rule 3: the history evicts no valid token.

#[test]
fn a_full_history_refuses_new_tokens_until_old_ones_expire() {
    let tables = Box::leak(Box::new(StaticStorage::<16, 32, 3>::new())).tables();
    let mut server = Server::new(tables, config(16)).unwrap();
    server
        .start(NOW, EPOCH, &mut StdRng::seed_from_u64(1))
        .unwrap();
    let forgers: Vec<Forger> = (1..=4)
        .map(|id| {
            Forger::new(
                &Ticket::new(id),
                client_address(usize::try_from(id).unwrap()),
            )
        })
        .collect();
    for forger in &forgers[..3] {
        forger.connect(&mut server, NOW).unwrap();
    }
    assert_eq!(
        forgers[3].ask(&mut server, NOW).unwrap_err(),
        Dropped::HistoryFull
    );
    server.disconnect_all(NOW);
    drain(&mut server, NOW);
    for forger in &forgers[..3] {
        assert_eq!(
            forger.ask(&mut server, NOW).unwrap_err(),
            Dropped::TokenConsumed
        );
    }
    // They expire after 45 seconds; a token minted then has room.
    server.set_unix_time(NOW, EPOCH.saturating_add_secs(45));
    let ticket = Ticket {
        created: EPOCH.as_secs() + 45,
        ..Ticket::new(9)
    };
    Forger::new(&ticket, client_address(9))
        .connect(&mut server, NOW)
        .unwrap();
}

#[test]
fn a_consumed_token_is_remembered_to_its_last_second() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    server.disconnect_all(NOW);
    drain(&mut server, NOW);
    for second in 1..45 {
        server.set_unix_time(NOW, EPOCH.saturating_add_secs(second));
        let refused = forger.ask(&mut server, NOW).unwrap_err();
        assert_eq!(refused, Dropped::TokenConsumed, "second {second}");
    }
    server.set_unix_time(NOW, EPOCH.saturating_add_secs(45));
    let refused = forger.ask(&mut server, NOW).unwrap_err();
    assert_eq!(refused, Dropped::TokenExpired);
}

#[test]
fn a_server_without_a_date_does_not_start() {
    let mut server = Server::new(crate::network::storage(), config(4)).unwrap();
    let unset = netcode_core::UnixTime::from_secs(0);
    let refused = server.start(NOW, unset, &mut StdRng::seed_from_u64(1));
    assert_eq!(refused, Err(netcode_core::server::StartError::NoDate));
    assert!(!server.is_running());
}

// Rule 4: a restart does not make used tokens valid again.

#[test]
fn a_server_that_restarted_refuses_tokens_from_before() {
    let mut config = config(4);
    config.restart_rule = RestartRule::RefuseOlder {
        max_token_lifetime: Duration::from_secs(60),
    };
    let restart = EPOCH.saturating_add_secs(20);
    let mut server = start_with(config, restart, 2);
    let minted_at = |created| {
        let ticket = Ticket {
            created,
            lifetime: 60,
            seed: created,
            ..Ticket::new(1)
        };
        Forger::new(&ticket, client_address(1))
    };
    for created in [EPOCH.as_secs(), restart.as_secs()] {
        let refused = minted_at(created).ask(&mut server, NOW).unwrap_err();
        assert_eq!(refused, Dropped::TokenBeforeStart);
    }
    server.set_unix_time(NOW, restart.saturating_add_secs(1));
    minted_at(restart.as_secs() + 1)
        .connect(&mut server, NOW)
        .unwrap();
}
