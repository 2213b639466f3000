//! Rules of the state, the same for a file and for Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use matchmaker::store::{
    FileStore, Heartbeat, RecordKey, Recorded, RedisStore, Reserve, ServerId, ServerState, Store,
};
use netcode_std::ClientId;
use tempfile::TempDir;

use crate::world::redis::Redis;
use crate::world::{PATIENCE, heartbeat};

const HOLD: Duration = Duration::from_secs(60);
const SILENT_AFTER: Duration = Duration::from_secs(60);

/// Runs the same test with both kinds of state.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod in_a_file {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let folder = TempDir::new().unwrap();
                let store = FileStore::open(&folder.path().join("state")).unwrap();
                super::$name(Arc::new(store)).await;
            })*
        }

        mod in_redis {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(redis) = Redis::start() {
                    super::$name(Arc::new(RedisStore::open(&redis.url()).unwrap())).await;
                }
            })*
        }
    };
}

on_both!(
    a_burst_of_requests_reserves_no_slot_twice,
    a_client_that_asks_again_keeps_its_slot,
    a_client_named_in_a_heartbeat_gives_its_reservation_back,
    a_client_that_was_named_before_keeps_its_reservation,
    a_reservation_ends_by_itself,
    a_reservation_has_the_addresses_of_the_last_heartbeat,
    a_released_slot_is_free,
    a_silent_or_draining_server_gets_nobody,
    an_address_of_a_living_server_is_refused_to_another,
    an_address_of_a_silent_server_goes_to_another,
    an_address_that_a_server_gave_up_goes_to_another,
    a_record_is_created_once_and_ends_in_time,
);

fn id(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

fn ask(client: u64, candidates: &[&str]) -> Reserve {
    Reserve {
        client: ClientId(client),
        candidates: candidates.iter().map(|name| id(name)).collect(),
        hold: HOLD,
        silent_after: SILENT_AFTER,
    }
}

async fn beat(store: &Arc<dyn Store>, name: &str, port: u16, capacity: u32, connected: u32) {
    beat_with(store, name, port, capacity, connected, &[]).await;
}

/// Heartbeat that names clients; returns the reserved slots.
async fn beat_with(
    store: &Arc<dyn Store>,
    name: &str,
    port: u16,
    capacity: u32,
    connected: u32,
    clients: &[u64],
) -> u32 {
    let mut beat = heartbeat(port, capacity, connected);
    beat.clients = clients.iter().map(ToString::to_string).collect();
    match record(store, name, &beat, SILENT_AFTER).await {
        Recorded::Stored { reserved } => reserved,
        other @ Recorded::AddressInUse { .. } => panic!("{other:?}"),
    }
}

async fn record(
    store: &Arc<dyn Store>,
    name: &str,
    beat: &Heartbeat,
    silent_after: Duration,
) -> Recorded {
    store
        .heartbeat(&id(name), beat, silent_after)
        .await
        .unwrap()
}

async fn state(store: &Arc<dyn Store>, name: &str) -> ServerState {
    let servers = store.servers().await.unwrap();
    servers.into_iter().find(|it| it.id == id(name)).unwrap()
}

async fn reserve(store: &Arc<dyn Store>, ask: &Reserve) -> Option<String> {
    let reserved = store.reserve(ask).await.unwrap();
    reserved.map(|it| it.id.to_string())
}

async fn a_burst_of_requests_reserves_no_slot_twice(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 5, 2).await;
    beat(&store, "b", 2, 4, 0).await;
    let asks = (0..50).map(|client| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { reserve(&store, &ask(client, &["a", "b"])).await })
    });
    let mut placed = Vec::new();
    for asked in asks.collect::<Vec<_>>() {
        placed.extend(asked.await.unwrap());
    }
    placed.sort();
    assert_eq!(placed, ["a", "a", "a", "b", "b", "b", "b"]);
    assert_eq!(state(&store, "a").await.free(), 0);
    assert_eq!(state(&store, "b").await.free(), 0);
}

async fn a_client_that_asks_again_keeps_its_slot(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    beat(&store, "b", 2, 1, 0).await;
    assert_eq!(reserve(&store, &ask(7, &["b", "a"])).await.unwrap(), "b");
    // Whatever the order of the candidates.
    assert_eq!(reserve(&store, &ask(7, &["a", "b"])).await.unwrap(), "b");
    assert_eq!(state(&store, "a").await.free(), 1);
    assert_eq!(reserve(&store, &ask(8, &["b"])).await, None);
}

async fn a_client_named_in_a_heartbeat_gives_its_reservation_back(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 3, 0).await;
    reserve(&store, &ask(7, &["a"])).await.unwrap();
    reserve(&store, &ask(8, &["a"])).await.unwrap();
    assert_eq!(beat_with(&store, "a", 1, 3, 1, &[7]).await, 1);
    let state = state(&store, "a").await;
    assert_eq!((state.reserved, state.free()), (1, 1));
}

async fn a_client_that_was_named_before_keeps_its_reservation(store: Arc<dyn Store>) {
    // Client 7 is still connected, and has a token to come back with.
    assert_eq!(beat_with(&store, "a", 1, 3, 1, &[7]).await, 0);
    reserve(&store, &ask(7, &["a"])).await.unwrap();
    assert_eq!(beat_with(&store, "a", 1, 3, 1, &[7]).await, 1);
    // It leaves, and comes back.
    assert_eq!(beat_with(&store, "a", 1, 3, 0, &[]).await, 1);
    assert_eq!(beat_with(&store, "a", 1, 3, 1, &[7]).await, 0);
}

async fn a_reservation_ends_by_itself(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    let brief = Reserve {
        hold: Duration::from_millis(1),
        ..ask(7, &["a"])
    };
    reserve(&store, &brief).await.unwrap();
    let began = Instant::now();
    while reserve(&store, &ask(8, &["a"])).await.is_none() {
        assert!(began.elapsed() < PATIENCE);
    }
}

async fn a_reservation_has_the_addresses_of_the_last_heartbeat(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    beat(&store, "a", 2, 1, 0).await;
    let reserved = store.reserve(&ask(7, &["a"])).await.unwrap().unwrap();
    assert_eq!(reserved.heartbeat.addresses, heartbeat(2, 1, 0).addresses);
}

async fn a_released_slot_is_free(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    reserve(&store, &ask(7, &["a"])).await.unwrap();
    store.release(&id("a"), ClientId(7)).await.unwrap();
    assert_eq!(reserve(&store, &ask(8, &["a"])).await.unwrap(), "a");
}

async fn a_silent_or_draining_server_gets_nobody(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    let at_once = Reserve {
        silent_after: Duration::ZERO,
        ..ask(7, &["a"])
    };
    assert_eq!(reserve(&store, &at_once).await, None);
    let mut draining = heartbeat(1, 1, 0);
    draining.draining = true;
    record(&store, "a", &draining, SILENT_AFTER).await;
    assert_eq!(reserve(&store, &ask(7, &["a", "unknown"])).await, None);
}

async fn an_address_of_a_living_server_is_refused_to_another(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    let recorded = record(&store, "b", &heartbeat(1, 1, 0), SILENT_AFTER).await;
    assert_eq!(recorded, Recorded::AddressInUse { by: id("a") });
    assert_eq!(store.servers().await.unwrap().len(), 1);
}

async fn an_address_of_a_silent_server_goes_to_another(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    let recorded = record(&store, "b", &heartbeat(1, 1, 0), Duration::ZERO).await;
    assert_eq!(recorded, Recorded::Stored { reserved: 0 });
}

async fn an_address_that_a_server_gave_up_goes_to_another(store: Arc<dyn Store>) {
    beat(&store, "a", 1, 1, 0).await;
    beat(&store, "a", 2, 1, 0).await;
    beat(&store, "b", 1, 1, 0).await;
}

async fn a_record_is_created_once_and_ends_in_time(store: Arc<dyn Store>) {
    let key = RecordKey::new("account", "alice");
    let other = RecordKey::new("session", "alice");
    assert!(store.create_record(&key, "one", None).await.unwrap());
    assert!(!store.create_record(&key, "two", None).await.unwrap());
    assert_eq!(store.record(&key).await.unwrap().unwrap(), "one");
    assert_eq!(store.record(&other).await.unwrap(), None);
    store.remove_record(&key).await.unwrap();
    assert_eq!(store.record(&key).await.unwrap(), None);

    let brief = Some(Duration::from_millis(1));
    assert!(store.create_record(&key, "brief", brief).await.unwrap());
    let began = Instant::now();
    while !store.create_record(&key, "next", None).await.unwrap() {
        assert!(began.elapsed() < PATIENCE);
    }
    assert_eq!(store.record(&key).await.unwrap().unwrap(), "next");
}
