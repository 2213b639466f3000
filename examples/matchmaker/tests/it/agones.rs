//! Placement by Agones, at a stub that follows the published schema of `GameServerAllocation`
//! (allocation.agones.dev/v1): it checks the request as the interface does, and has the fleet's
//! counters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Json, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, routing};
use matchmaker::api::Code;
use matchmaker::placement::{Agones, AgonesConfig, Ask, Placement};
use netcode_std::ClientId;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::use_crypto;

#[derive(Clone, Default)]
struct Cluster(Arc<Mutex<Fleet>>);

#[derive(Default)]
struct Fleet {
    servers: Vec<GameServer>,
    /// Answers to give before any other.
    answers: Vec<Result<&'static str, StatusCode>>,
    requests: usize,
}

struct GameServer {
    name: &'static str,
    port: u16,
    state: &'static str,
    count: i64,
    capacity: i64,
    fleet: &'static str,
}

impl GameServer {
    fn matches(&self, selector: &Value) -> bool {
        let least = selector["counters"]["players"]["minAvailable"]
            .as_i64()
            .unwrap();
        selector["gameServerState"] == self.state
            && selector["matchLabels"] == json!({"agones.dev/fleet": self.fleet})
            && self.capacity - self.count >= least
    }
}

async fn allocate(
    State(cluster): State<Cluster>,
    Path(namespace): Path<String>,
    headers: HeaderMap,
    Json(mut body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    assert_eq!(namespace, "games");
    assert_eq!(headers["authorization"], "Bearer service account");
    assert_eq!(body["apiVersion"], "allocation.agones.dev/v1");
    assert_eq!(body["kind"], "GameServerAllocation");
    assert_eq!(body["spec"]["scheduling"], "Packed");
    let counter = json!({"players": {"action": "Increment", "amount": 1}});
    assert_eq!(body["spec"]["counters"], counter);
    let order = json!([{"type": "Counter", "key": "players", "order": "Ascending"}]);
    assert_eq!(body["spec"]["priorities"], order);

    let mut fleet = cluster.0.lock().unwrap();
    fleet.requests += 1;
    if !fleet.answers.is_empty() {
        body["status"] = json!({"state": fleet.answers.remove(0)?});
        return Ok((StatusCode::CREATED, Json(body)));
    }
    let selectors = body["spec"]["selectors"].as_array().unwrap().clone();
    let found = selectors.iter().find_map(|selector| {
        let matches = |it: &GameServer| it.matches(selector);
        fleet.servers.iter().position(matches)
    });
    body["status"] = match found {
        Some(index) => {
            let server = &mut fleet.servers[index];
            server.state = "Allocated";
            server.count += 1;
            json!({
                "state": "Allocated",
                "gameServerName": server.name,
                "ports": [{"name": "http", "port": 80}, {"name": "game", "port": server.port}],
                "address": "203.0.113.7",
                "addresses": [{"type": "ExternalIP", "address": "203.0.113.7"}],
                "nodeName": "node-1",
                "source": "local",
                "metadata": {"labels": {}, "annotations": {}},
            })
        }
        None => json!({"state": "UnAllocated"}),
    };
    Ok((StatusCode::CREATED, Json(body)))
}

fn server(name: &'static str, port: u16, state: &'static str, count: i64) -> GameServer {
    GameServer {
        name,
        port,
        state,
        count,
        capacity: 2,
        fleet: "arena",
    }
}

/// Placement at a cluster with these game servers.
async fn agones(cluster: &Cluster, servers: Vec<GameServer>, folder: &TempDir) -> Agones {
    use_crypto();
    cluster.0.lock().unwrap().servers = servers;
    let path = "/apis/allocation.agones.dev/v1/namespaces/{namespace}/gameserverallocations";
    let routes = Router::new()
        .route(path, routing::post(allocate))
        .with_state(cluster.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    crate::world::site(listener, routes);
    let token = folder.path().join("token");
    std::fs::write(&token, "service account\n").unwrap();
    Agones::new(AgonesConfig {
        url,
        namespace: "games".into(),
        labels: BTreeMap::from([("agones.dev/fleet".into(), "arena".into())]),
        counter: "players".into(),
        port: Some("game".into()),
        token_file: Some(token),
        ca_file: None,
    })
    .unwrap()
}

fn ask(client: u64) -> Ask {
    Ask {
        client: ClientId(client),
        labels: BTreeMap::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn allocated_game_servers_are_filled_before_ready_ones() {
    let (cluster, folder) = (Cluster::default(), TempDir::new().unwrap());
    let servers = vec![
        server("a", 7001, "Ready", 0),
        server("b", 7002, "Allocated", 1),
    ];
    let agones = agones(&cluster, servers, &folder).await;
    let mut ports = Vec::new();
    for client in 0..3 {
        let placed = agones.place(&ask(client)).await.unwrap();
        assert_eq!(placed.addresses[0].public.ip().to_string(), "203.0.113.7");
        ports.push(placed.addresses[0].public.port());
    }
    assert_eq!(ports, [7002, 7001, 7001]);
    let refusal = agones.place(&ask(3)).await.unwrap_err();
    assert_eq!(refusal.code, Code::NoFreeSlot);
    assert!(refusal.retry_after.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_cannot_leave_the_fleet_by_a_label() {
    let (cluster, folder) = (Cluster::default(), TempDir::new().unwrap());
    let agones = agones(&cluster, vec![server("a", 7001, "Ready", 0)], &folder).await;
    let mut ask = ask(7);
    ask.labels = BTreeMap::from([("agones.dev/fleet".into(), "others".into())]);
    agones.place(&ask).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn contention_is_tried_again() {
    let (cluster, folder) = (Cluster::default(), TempDir::new().unwrap());
    let agones = agones(&cluster, vec![server("a", 7001, "Ready", 0)], &folder).await;
    cluster.0.lock().unwrap().answers = vec![Ok("Contention"); 2];
    agones.place(&ask(7)).await.unwrap();
    cluster.0.lock().unwrap().answers = vec![Ok("Contention"); 3];
    let refusal = agones.place(&ask(8)).await.unwrap_err();
    assert_eq!(refusal.code, Code::NoFreeSlot);
    assert_eq!(cluster.0.lock().unwrap().requests, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_fails_is_unavailable() {
    let (cluster, folder) = (Cluster::default(), TempDir::new().unwrap());
    let agones = agones(&cluster, Vec::new(), &folder).await;
    let failures = [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::FORBIDDEN];
    for failure in failures.map(Err).into_iter().chain([Ok("Unheard-of")]) {
        cluster.0.lock().unwrap().answers = vec![failure];
        let refusal = agones.place(&ask(7)).await.unwrap_err();
        assert_eq!(refusal.code, Code::Unavailable);
        assert!(refusal.retry_after.is_some());
    }
}
