//! Two backends on one Redis, and a Redis that goes away and comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use matchmaker::api::Code;
use matchmaker::metrics::TokenKind;
use matchmaker::placement::Ask;
use matchmaker::service::Service;
use matchmaker::store::{RedisStore, Store};
use netcode_std::ClientId;
use netcode_std::core::crypto::RustCrypto;
use netcode_std::core::token::{PrivateToken, PublicToken};
use serde_json::Value;

use crate::world::redis::Redis;
use crate::world::{KEY, PATIENCE, Setup, World, token};

async fn backend(redis: &Redis) -> World {
    let store: Arc<dyn Store> = Arc::new(RedisStore::open(&redis.url()).unwrap());
    Setup::new(store).start().await
}

/// Server and client id of a token.
fn promise(body: &Value) -> (u16, u64) {
    let token = token(body);
    let public = PublicToken::parse(&token).unwrap();
    let private = public.open_private(&RustCrypto, &KEY).unwrap();
    let private = PrivateToken::parse(&private).unwrap();
    let server = private.addresses.iter().next().unwrap();
    (server.port(), private.client_id.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backends_promise_no_slot_twice_under_200_requests_at_once() {
    let Some(redis) = Redis::start() else { return };
    let worlds = [backend(&redis).await, backend(&redis).await];
    for (id, port, capacity) in [("eu-1", 1, 40), ("eu-2", 2, 50), ("eu-3", 3, 30)] {
        worlds[0]
            .register(id, ([127, 0, 0, 1], port).into(), capacity)
            .await;
    }
    let asks = (0..200).map(|player| {
        let service = Arc::clone(&worlds[player % 2].service);
        tokio::spawn(async move { placed(&service, player as u64).await })
    });
    let mut promised = [0; 4];
    let mut refused = 0;
    for ask in asks.collect::<Vec<_>>() {
        match ask.await.unwrap() {
            Some(port) => promised[usize::from(port)] += 1,
            None => refused += 1,
        }
    }
    assert_eq!((promised, refused), ([0, 40, 50, 30], 80));
}

/// Port of the server that a player is sent to; `None` if there is no free slot.
async fn placed(service: &Service, player: u64) -> Option<u16> {
    let ask = Ask {
        client: ClientId(player),
        labels: BTreeMap::new(),
    };
    match service.connect(&ask, TokenKind::plain).await {
        Ok((_, placed)) => Some(placed.addresses[0].public.port()),
        Err(refusal) => {
            assert_eq!(refusal.code, Code::NoFreeSlot);
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_away_requests_are_503_and_no_promise_is_lost() {
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let world = backend(&redis).await;
    world.register("eu-1", ([127, 0, 0, 1], 1).into(), 2).await;
    let first = world.ask(&world.keys.player).send().await.unwrap();
    assert_eq!(first.status(), 200);

    redis.kill();
    for request in [
        world.ask(&world.keys.player),
        world.request("GET", "/readyz"),
        world
            .request("GET", "/v1/servers")
            .bearer_auth(world.keys.admin.as_str()),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "unavailable");
    }
    let alive = world.request("GET", "/healthz").send().await.unwrap();
    assert_eq!(alive.status(), 200);

    redis.restart();
    let began = Instant::now();
    while world
        .request("GET", "/readyz")
        .send()
        .await
        .unwrap()
        .status()
        != 200
    {
        assert!(began.elapsed() < PATIENCE);
    }
    // The promise from before is kept: one slot of two is left.
    let servers = world.servers().await;
    assert_eq!(servers["servers"][0]["reserved"], 1);
    let other = world.ask(&world.keys.other).send().await.unwrap();
    assert_eq!(other.status(), 200);
    let (_, client) = promise(&other.json().await.unwrap());
    assert_eq!(client, 8);
    let third = placed(&world.service, 9).await;
    assert_eq!(third, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_amid_requests_loses_no_promise() {
    const SLOTS: usize = 60;
    let Some(mut redis) = Redis::start() else {
        return;
    };
    let worlds = [backend(&redis).await, backend(&redis).await];
    worlds[0]
        .register("eu-1", ([127, 0, 0, 1], 1).into(), SLOTS as u32)
        .await;
    let asks: Vec<_> = (0..200_u64)
        .map(|player| {
            let service = Arc::clone(&worlds[(player % 2) as usize].service);
            tokio::spawn(async move {
                let ask = Ask {
                    client: ClientId(player),
                    labels: BTreeMap::new(),
                };
                let began = Instant::now();
                loop {
                    match service.connect(&ask, TokenKind::plain).await {
                        Ok(_) => return true,
                        Err(refusal) if refusal.code == Code::NoFreeSlot => return false,
                        Err(refusal) => assert_eq!(refusal.code, Code::Unavailable),
                    }
                    assert!(began.elapsed() < PATIENCE);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    let redis = tokio::task::spawn_blocking(move || {
        redis.kill();
        redis.restart();
        redis
    });
    let _redis = redis.await.unwrap();
    let mut promised = 0;
    for ask in asks {
        promised += usize::from(ask.await.unwrap());
    }
    // A promise whose answer was lost with the connection keeps its slot until its client asks
    // again, which all have done: so every slot is promised, and to one client each.
    assert_eq!(promised, SLOTS);
}
