//! A server from its making to its restart, and its clients as its owner sees them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

mod crafted;
mod network;

use std::sync::Mutex;
use std::time::Duration;

use crafted::{Forger, NOW, start};
use netcode_core::address::AddressList;
use netcode_core::client::{Client, ClientState};
use netcode_core::server::{
    ConfigError, DisconnectReason, LoopbackError, Received, Server, ServerEvent, StartError,
    StaticStorage,
};
use netcode_core::token::MintError;
use netcode_core::{ClientId, ClientIndex, Dropped, Instant, SendError, UnixTime, UserData};
use network::{
    EPOCH, STORM, Ticket, World, address, client_address, config, key, server_address, storage,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn left(id: u64, client: u32, reason: DisconnectReason) -> ServerEvent {
    let (client, client_id) = (ClientIndex(client), ClientId(id));
    ServerEvent::Disconnected {
        client,
        client_id,
        reason,
    }
}

#[test]
fn what_cannot_work_is_refused_when_the_server_is_made() {
    let made = |config| Server::new(storage(), config).map(|_| ()).unwrap_err();
    assert_eq!(made(config(0)), ConfigError::NoClients);
    assert_eq!(made(config(17)), ConfigError::TooManyClients { slots: 16 });
    let mut nowhere = config(4);
    nowhere.addresses = AddressList::EMPTY;
    assert_eq!(made(nowhere), ConfigError::NoAddress);
    let mut hasty = config(4);
    hasty.handshake_timeout = Duration::ZERO;
    assert_eq!(made(hasty), ConfigError::NoHandshakeTime);
    let mut strict = config(4);
    strict.max_token_lifetime = Some(0);
    assert_eq!(made(strict), ConfigError::NoTokenLifetime);
    let mut no_history = StaticStorage::<4, 4, 0>::new();
    let refused = Server::new(no_history.tables(), config(4)).map(|_| ());
    assert_eq!(refused, Err(ConfigError::NoRoom));
}

#[test]
fn a_token_that_expires_before_it_is_made_is_not_minted() {
    let user_data = UserData::ZERO;
    let servers = [server_address()];
    let spec = netcode_core::token::TokenSpec {
        protocol_id: network::PROTOCOL,
        client_id: ClientId(1),
        created: EPOCH,
        expires: UnixTime::from_secs(EPOCH.as_secs() - 1),
        timeout: netcode_core::Timeout::NEVER,
        public_addresses: &servers,
        internal_addresses: &[],
        user_data: &user_data,
    };
    let mut out = [7; 2048];
    let refused = netcode_core::token::mint(&spec, &key(), &mut rng(), &mut out);
    assert_eq!(refused, Err(MintError::ExpiresBeforeCreated));
    assert_eq!(out, [7; 2048]);
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
    for _ in 0..2 {
        let mut server = Server::new(storage.tables(), config(2)).unwrap();
        assert_eq!(server.clients().count(), 0);
        assert_eq!((server.half_open_count(), server.token_count()), (0, 0));
        server.start(NOW, EPOCH, &mut rng()).unwrap();
        // One client stays connected, another in the middle of its handshake.
        Forger::new(&Ticket::new(1), client_address(1))
            .connect(&mut server, NOW)
            .unwrap();
        Forger::new(&Ticket::new(2), client_address(2))
            .ask(&mut server, NOW)
            .unwrap();
        assert_eq!(server.connected_count(), 1);
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
fn a_stop_tells_the_clients_and_a_start_waits_until_that_is_done() {
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
fn a_stopped_server_answers_nobody() {
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
fn clients_are_found_by_slot_id_and_address_while_they_are_connected() {
    let mut world = World::new(4);
    for id in [10, 20, 30] {
        world.connect(&Ticket::new(id));
    }
    let ids: Vec<u64> = world
        .server
        .clients()
        .map(|info| info.client_id.0)
        .collect();
    assert_eq!(ids, [10, 20, 30]);
    for (slot, id) in [(0, 10), (1, 20), (2, 30)] {
        let client = ClientIndex(slot);
        let info = world.server.client(client).unwrap();
        assert_eq!((info.client, info.client_id), (client, ClientId(id)));
        assert_eq!(info.user_data.0[..8], id.to_le_bytes());
        assert_eq!(world.server.find_by_id(ClientId(id)), Some(client));
        let address = client_address(usize::try_from(slot).unwrap());
        assert_eq!(world.server.find_by_address(address), Some(client));
    }
    assert!(world.server.disconnect(world.now, ClientIndex(1)));
    assert!(!world.server.disconnect(world.now, ClientIndex(1)));
    assert!(!world.server.disconnect(world.now, ClientIndex(3)));
    assert!(!world.server.disconnect(world.now, ClientIndex(u32::MAX)));
    assert!(world.server.client(ClientIndex(1)).is_none());
    assert_eq!(world.server.find_by_id(ClientId(20)), None);
    assert_eq!(world.server.find_by_address(client_address(1)), None);
    assert_eq!(world.server.connected_count(), 2);
}

#[test]
fn a_slot_goes_to_nobody_else_until_its_event_was_taken() {
    let mut server = Server::new(storage(), config(1)).unwrap();
    server.start(NOW, EPOCH, &mut rng()).unwrap();
    let forger = |id| {
        Forger::new(
            &Ticket::new(id),
            client_address(usize::try_from(id).unwrap()),
        )
    };
    forger(1).connect(&mut server, NOW).unwrap();
    server.disconnect(NOW, ClientIndex(0));
    let mut out = [0; 1300];
    while server.poll_transmit(NOW, &mut out).is_some() {}
    let waiting = forger(2);
    let denied = crafted::deliver(&mut server, NOW, waiting.from, &waiting.request());
    assert_eq!(
        waiting.open(&denied.unwrap().unwrap()),
        crafted::Opened::Denied
    );
    let (client, client_id) = (ClientIndex(0), ClientId(1));
    assert_eq!(
        server.poll_event(),
        Some(ServerEvent::Connected { client, client_id })
    );
    assert_eq!(
        server.poll_event(),
        Some(left(1, 0, DisconnectReason::ByServer))
    );
    assert_eq!(server.poll_event(), None);
    forger(3).connect(&mut server, NOW).unwrap();
}

#[test]
fn everybody_can_be_sent_home_at_once() {
    let mut world = World::new(16);
    for id in 0..16 {
        world.connect(&Ticket::new(id));
    }
    world.events.clear();
    world.server.disconnect_all(world.now);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.server.connected_count(), 0);
    assert_eq!(world.events.len(), 16);
    assert!((0..16).all(|n| world.state(n) == ClientState::Disconnected));
}

#[test]
fn a_silent_client_times_out_and_its_owner_is_told() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    world.cut.push(client_address(n));
    world.run_for(Duration::from_millis(4900));
    assert_eq!(world.server.connected_count(), 1);
    world.run_for(Duration::from_millis(300));
    assert_eq!(
        world.events.last(),
        Some(&left(1, 0, DisconnectReason::TimedOut))
    );
}

#[test]
fn a_server_answers_to_each_of_its_addresses() {
    let (inside, outside) = (address("192.168.0.5:40000"), address("[2001:db8::5]:40001"));
    let mut config = config(4);
    config.addresses = AddressList::new(&[inside, outside]).unwrap();
    let mut world = World::with(storage(), config);
    for (id, internal) in [(1, inside), (2, outside)] {
        world.connect(&Ticket {
            internal: vec![internal],
            ..Ticket::new(id)
        });
    }
    assert_eq!(world.server.connected_count(), 2);
}

#[test]
fn every_payload_to_an_unconfirmed_client_has_a_keep_alive_in_front() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let mut out = [0; 1300];
    for _ in 0..3 {
        let outgoing = server
            .send(NOW, ClientIndex(0), b"hello", &mut out)
            .unwrap();
        assert_eq!(outgoing.into_iter().count(), 2);
        assert_eq!(
            forger.open(outgoing.keep_alive.unwrap()),
            crafted::Opened::KeepAlive
        );
    }
    assert!(!server.client(ClientIndex(0)).unwrap().confirmed);
    crafted::deliver(&mut server, NOW, forger.from, &forger.payload(1)).unwrap();
    assert!(server.client(ClientIndex(0)).unwrap().confirmed);
    let outgoing = server
        .send(NOW, ClientIndex(0), b"hello", &mut out)
        .unwrap();
    assert_eq!(outgoing.into_iter().count(), 1);
}

#[test]
fn a_payload_that_is_none_is_refused_before_its_buffer_is_looked_at() {
    let mut server = start();
    let forger = Forger::new(&Ticket::new(1), client_address(1));
    forger.connect(&mut server, NOW).unwrap();
    let mut tiny = [0; 10];
    for confirmed in [false, true] {
        for len in [0, 1201, 5000] {
            let refused = server.send(NOW, ClientIndex(0), &vec![0; len], &mut tiny);
            assert_eq!(refused, Err(SendError::PayloadLength { len }));
        }
        let needed = 5 + 25 + if confirmed { 0 } else { 33 };
        let mut out = [0; 100];
        let short = server.send(NOW, ClientIndex(0), b"hello", &mut out[..20]);
        assert!(matches!(short, Err(SendError::BufferTooShort { needed: n }) if n <= needed));
        let sent = server.send(NOW, ClientIndex(0), b"hello", &mut out[..needed]);
        assert!(sent.is_ok());
        crafted::deliver(&mut server, NOW, forger.from, &forger.payload(1)).ok();
    }
}

#[test]
fn a_clock_that_jumps_disconnects_nobody_and_opens_nothing() {
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
    // The date jumps on by a day and back: what has expired stays so.
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
fn the_player_who_hosts_joins_without_network() {
    let mut world = World::new(2);
    let mut host = Client::new();
    let user_data = UserData::from_slice(b"host").unwrap();
    let client = world
        .server
        .connect_loopback(world.now, ClientId(7), &user_data)
        .unwrap();
    host.connect_loopback(world.now, client, 2).unwrap();
    let twice = world
        .server
        .connect_loopback(world.now, ClientId(7), &user_data);
    assert_eq!(twice, Err(LoopbackError::IdConnected));
    let guest = world.connect(&Ticket::new(1));
    let full = world
        .server
        .connect_loopback(world.now, ClientId(8), &user_data);
    assert_eq!(full, Err(LoopbackError::Full));

    let payload = host.send_loopback(b"from the host").unwrap();
    let received = world.server.handle_loopback(client, payload).unwrap();
    assert!(matches!(
        received,
        Received::Payload {
            payload: b"from the host",
            ..
        }
    ));
    let payload = world.server.send_loopback(client, b"to the host").unwrap();
    let received = host.handle_loopback(payload).unwrap();
    let expected = b"to the host";
    assert!(
        matches!(received, netcode_core::client::Received::Payload { payload, .. } if payload == expected)
    );

    // Neither end mixes the two ways.
    let mut out = [0; 1300];
    let refused = world
        .server
        .send(world.now, client, b"x", &mut out)
        .map(|_| ());
    assert_eq!(refused, Err(SendError::Loopback));
    let guests = world.server.find_by_id(ClientId(1)).unwrap();
    assert_eq!(
        world.server.send_loopback(guests, b"x"),
        Err(SendError::Loopback)
    );
    assert_eq!(host.next_deadline(), None);

    world.run_for(Duration::from_secs(60));
    assert_eq!(
        world.server.connected_count(),
        2,
        "silence ends no loopback session"
    );
    assert_eq!(world.server.client(client).unwrap().address, None);
    assert_eq!(
        world.server.client(client).unwrap().user_data.0[..4],
        *b"host"
    );
    world.server.disconnect(world.now, client);
    world.drain();
    assert_eq!(
        world.events.last(),
        Some(&left(7, client.0, DisconnectReason::ByServer))
    );
    assert_eq!(world.state(guest), ClientState::Connected);
}

#[test]
fn statistics_count_what_crossed() {
    let mut world = World::new(4);
    let n = world.connect(&Ticket::new(1));
    for _ in 0..5 {
        world.client_sends(n, &[1; 100]);
    }
    world.server_sends(ClientIndex(0), &[2; 50]);
    world.run_for(Duration::from_millis(50));
    // A payload that never arrives, between two that do.
    world.client_sends(n, b"before");
    world.cut.push(server_address());
    world.client_sends(n, b"lost");
    world.cut.clear();
    world.client_sends(n, b"after");
    world.run_for(Duration::from_millis(20));
    let here = world.server.client(ClientIndex(0)).unwrap().stats;
    let there = world.players[n].client.stats();
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
fn a_way_longer_than_the_send_interval_is_measured_whole() {
    let mut world = World::new(4);
    world.weather.latency = Duration::from_millis(130);
    let n = world.connect(&Ticket::new(1));
    let there = Some(Duration::from_millis(260));
    assert_eq!(world.players[n].client.stats().handshake_round_trip, there);
    let here = world.server.client(ClientIndex(0)).unwrap().stats;
    assert_eq!(here.handshake_round_trip, there);
}

#[test]
fn a_handshake_in_a_storm_is_never_measured_shorter_than_the_way() {
    let mut world = World::new(16);
    world.weather = STORM;
    let there_and_back = STORM.latency * 2;
    for id in 0..16 {
        let n = world.connect(&Ticket::new(id));
        let measured = world.players[n].client.stats().handshake_round_trip;
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
