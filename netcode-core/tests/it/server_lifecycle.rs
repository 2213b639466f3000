//! Lifecycle of a server, from creation to restart.

use std::sync::Mutex;
use std::time::Duration;

use crate::crafted::{Forger, NOW};
use crate::network::{EPOCH, Ticket, World, client_address, config, key, server_address, storage};
use netcode_core::address::AddressList;
use netcode_core::client::ClientState;
use netcode_core::server::{
    ConfigError, DisconnectReason, Event, Received, RestartRule, Server, StartError, StaticStorage,
};
use netcode_core::token::{ConnectToken, MintError, TokenSpec, mint_into};
use netcode_core::{ClientId, ClientIndex, Dropped, Instant, UnixTime};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn left(id: u64, client: u32, reason: DisconnectReason) -> Event {
    let (client, client_id) = (ClientIndex(client), ClientId(id));
    Event::Disconnected {
        client,
        client_id,
        reason,
    }
}

#[test]
fn an_unusable_configuration_is_refused_at_construction() {
    let made = |config| Server::new(storage(), config).map(|_| ()).unwrap_err();
    assert_eq!(made(config(0)), ConfigError::NoClients);
    assert_eq!(made(config(17)), ConfigError::TooManyClients { slots: 16 });
    let mut nowhere = config(4);
    nowhere.addresses = AddressList::EMPTY;
    assert_eq!(made(nowhere), ConfigError::NoAddress);
    let mut hasty = config(4);
    hasty.handshake_timeout = Duration::ZERO;
    assert_eq!(made(hasty), ConfigError::NoHandshakeTime);
    for none in [Duration::ZERO, Duration::from_millis(999)] {
        let mut strict = config(4);
        strict.restart_rule = RestartRule::RefuseOlder {
            max_token_lifetime: none,
        };
        assert_eq!(made(strict), ConfigError::NoTokenLifetime);
    }
    let mut no_history = StaticStorage::<4, 4, 0>::new();
    let refused = Server::new(no_history.tables(), config(4)).map(|_| ());
    assert_eq!(refused, Err(ConfigError::NoRoom));
}

#[test]
fn a_token_that_expires_before_it_is_made_is_not_minted() {
    let servers = [server_address()];
    let mut spec = TokenSpec::new(crate::network::PROTOCOL, ClientId(1), &servers, EPOCH);
    spec.expires = UnixTime::from_secs(EPOCH.as_secs() - 1);
    let mut token = ConnectToken::new();
    token.as_mut_bytes().fill(7);
    let refused = mint_into(&spec, &key(), &mut rng(), &mut token);
    assert_eq!(refused, Err(MintError::ExpiresBeforeCreated));
    assert_eq!(*token.as_bytes(), [7; 2048]);
}

#[test]
fn the_tables_can_be_a_static() {
    static STORAGE: Mutex<StaticStorage<2, 4, 8>> = Mutex::new(StaticStorage::new());
    let mut storage = STORAGE.lock().unwrap();
    let mut server = Server::new(storage.tables(), config(2)).unwrap();
    server.start(NOW, EPOCH, &mut rng()).unwrap();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let mut request = forger.request();
    let reply = server
        .handle_datagram(NOW, forger.from, &mut request)
        .unwrap();
    assert!(matches!(reply, Received::Reply(_)));
}

#[test]
fn tables_of_a_server_that_is_gone_serve_a_new_one() {
    let mut storage = StaticStorage::<2, 4, 8>::new();
    for round in 0..3 {
        let mut server = Server::new(storage.tables(), config(2)).unwrap();
        assert_eq!(server.clients().count(), 0);
        assert_eq!((server.half_open_count(), server.token_count()), (0, 0));
        server.start(NOW, EPOCH, &mut rng()).unwrap();
        // One client stays connected, another is in the middle of its handshake.
        Forger::new(&Ticket::new(1), client_address(1))
            .connect(&mut server, NOW)
            .unwrap();
        Forger::new(&Ticket::new(2), client_address(2))
            .ask(&mut server, NOW)
            .unwrap();
        assert_eq!(server.connected_count(), 1);
        // One server is dropped, which wipes its tables; another is leaked, which does not.
        if round == 1 {
            std::mem::forget(server);
        }
    }
}

#[cfg(feature = "alloc")]
#[test]
fn the_tables_can_be_on_the_heap_with_a_capacity_of_run_time() {
    use netcode_core::server::{Capacity, Storage};
    for clients in [1, 7, 100] {
        let storage = Storage::heap(Capacity::for_clients(clients));
        let mut world = World::with(storage, config(clients));
        world.connect(&Ticket::new(1));
        assert_eq!(world.server.connected_count(), 1);
    }
}

#[cfg(feature = "alloc")]
#[test]
fn the_default_capacity_is_two_half_open_and_eight_token_entries_a_client_with_a_minimum() {
    let default = |clients| {
        let capacity = netcode_core::server::Capacity::for_clients(clients);
        (capacity.clients, capacity.half_open, capacity.tokens)
    };
    assert_eq!(default(1), (1, 64, 256));
    assert_eq!(default(32), (32, 64, 256));
    assert_eq!(default(33), (33, 66, 264));
    assert_eq!(default(4096), (4096, 8192, 32_768));
}

#[test]
fn a_server_runs_from_its_start_to_its_stop() {
    let mut server = Server::new(storage(), config(4)).unwrap();
    assert!(!server.is_running());
    let unix = UnixTime::from_secs(1_700_000_000);
    server.start(Instant::ZERO, unix, &mut rng()).unwrap();
    assert!(server.is_running());
    server.stop(Instant::ZERO);
    assert!(!server.is_running());
}

#[test]
fn max_clients_may_be_below_the_capacity() {
    let mut world = World::new(2);
    world.connect(&Ticket::new(1));
    world.connect(&Ticket::new(2));
    let third = world.join(&Ticket::new(3));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.state(third), ClientState::ConnectionDenied);
}

#[test]
fn a_stop_disconnects_the_clients_and_a_start_waits_for_its_packets_and_events() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.events.clear();
    assert_eq!(
        world.server.start(world.now, EPOCH, &mut rng()),
        Err(StartError::Running)
    );
    world.server.stop(world.now);
    assert!(!world.server.is_running());
    assert_eq!(
        world.server.start(world.now, EPOCH, &mut rng()),
        Err(StartError::Draining)
    );
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.state(n), ClientState::Disconnected);
    assert_eq!(world.events, [left(1, 0, DisconnectReason::ServerStopped)]);
    world.server.start(world.now, EPOCH, &mut rng()).unwrap();
    let again = Ticket {
        seed: 50,
        ..Ticket::new(1)
    };
    world.connect(&again);
    assert_eq!(world.server.connected_count(), 1);
}

#[test]
fn a_stopped_server_answers_no_client() {
    let mut world = World::new(4);
    world.server.stop(world.now);
    let n = world.join(&Ticket::new(1));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.state(n), ClientState::SendingConnectionRequest);
    assert_eq!(world.server.stats().dropped.get(Dropped::Inactive), 10);
}

#[test]
fn a_handshake_does_not_live_through_a_restart() {
    let mut world = World::new(4);
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    let challenge = forger.ask(&mut world.server, world.now).unwrap();
    world.server.stop(world.now);
    world.server.start(world.now, EPOCH, &mut rng()).unwrap();
    let response = forger.response(&challenge, 0);
    assert_eq!(
        world.deliver_to_server(forger.from, &response),
        Err(Dropped::UnknownSender)
    );
}

#[test]
fn a_clock_that_jumps_disconnects_no_client_and_opens_nothing() {
    let day = Duration::from_secs(86_400);
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    let old = Ticket {
        lifetime: 10,
        ..Ticket::new(2)
    };
    let start = world.now;
    for now in [
        start.saturating_add(day),
        Instant::ZERO,
        start.saturating_add(day * 9000),
    ] {
        world.now = now;
        world.drain();
        assert_eq!(world.server.connected_count(), 1);
        assert_eq!(world.state(n), ClientState::Connected);
    }
    // The date jumps ahead by a day and back: expired tokens stay expired.
    world
        .server
        .set_unix_time(world.now, EPOCH.saturating_add_secs(86_400));
    world.server.set_unix_time(world.now, EPOCH);
    let forger = Forger::new(&old, client_address(9));
    assert_eq!(
        forger.ask(&mut world.server, world.now).unwrap_err(),
        Dropped::TokenExpired
    );
    world
        .server
        .set_unix_time(world.now, UnixTime::from_secs(u64::MAX));
    assert_eq!(world.server.connected_count(), 1);
}

#[test]
fn debug_output_of_a_server_holds_no_key() {
    let mut storage = StaticStorage::<2, 4, 8>::new();
    for printed in [format!("{storage:?}"), format!("{:?}", storage.tables())] {
        assert!(printed.contains("clients: 2"), "{printed}");
    }
    let mut server = crate::crafted::start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let printed = format!("{server:?}");
    assert!(printed.contains("connected: 1"), "{printed}");
    assert!(printed.contains("private_key: Key(..)"), "{printed}");
    for secret in [key(), forger.keys().client_to_server.clone()] {
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(!printed.contains(bytes.trim_matches(['[', ']'])));
    }
}
