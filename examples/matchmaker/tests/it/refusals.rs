//! Every refusal: its status, its problem body, and what it leaves behind.

use axum::http::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Setup, World, file_store};

/// Sends a request that is refused, and returns the headers of the refusal.
async fn refused(request: reqwest::RequestBuilder, status: u16, code: &str) -> HeaderMap {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["type"], format!("/problems/{code}"));
    assert_eq!(problem["status"], status);
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    assert!(!problem["title"].as_str().unwrap().is_empty());
    headers
}

/// Time to wait.
fn seconds(headers: &HeaderMap) -> u64 {
    headers["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_400() {
    let world = World::with_file().await;
    let connect = |body: &'static str| {
        let request = world.request("POST", "/v1/connect");
        let request = request.bearer_auth(world.keys.player.as_str());
        request
            .header("content-type", "application/json")
            .body(body)
    };
    for body in [
        "",
        "{",
        "[]",
        r#"{"labels": 1}"#,
        r#"{"labels": {"": "eu"}}"#,
        r#"{"unknown": 1}"#,
    ] {
        refused(connect(body), 400, "invalid-request").await;
    }
    let device = json!({"deviceId": "-1", "publicKey": "00", "nonce": "00"});
    let device = world.request("POST", "/v1/device/connect").json(&device);
    refused(device, 400, "invalid-request").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_heartbeat_is_400() {
    let world = World::with_file().await;
    let good = json!({"addresses": ["127.0.0.1:40000"], "capacity": 4, "connected": 0});
    assert_eq!(world.beat("eu", &good).send().await.unwrap().status(), 200);
    for (field, value) in [
        ("addresses", json!([])),
        ("addresses", json!(["127.0.0.1"])),
        ("addresses", json!(["0.0.0.0:40000"])),
        ("addresses", json!(["127.0.0.1:0"])),
        (
            "addresses",
            json!([
                "1.1.1.1:1",
                "1.1.1.2:1",
                "1.1.1.3:1",
                "1.1.1.4:1",
                "1.1.1.5:1"
            ]),
        ),
        ("internalAddresses", json!(["10.0.0.1:1", "10.0.0.1:2"])),
        ("capacity", json!(0)),
        ("capacity", json!(100_001)),
        ("connected", json!(5)),
        ("connected", json!(-1)),
        ("clients", json!(["07"])),
        ("clients", json!([7])),
        ("labels", json!({"region": ""})),
        ("bridge", json!({"webtransport": "javascript:alert(1)"})),
        ("bridge", json!(["https://bridge.example"])),
        ("surplus", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        refused(world.beat("eu", &bad), 400, "invalid-request").await;
    }
    for id in ["EU", "-eu", "e%20u", "%ff"] {
        refused(world.beat(id, &good), 400, "invalid-request").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_accepted_credential_is_401() {
    let world = World::with_file().await;
    let stranger = matchmaker::identity::ApiKey::generate().unwrap();
    for request in [
        world.request("POST", "/v1/connect").json(&json!({})),
        world.ask(&stranger),
        world.request("GET", "/v1/servers"),
        world.request("GET", "/metrics"),
        world.request("PUT", "/v1/servers/eu").json(&json!({})),
        world
            .request("GET", "/v1/servers")
            .basic_auth("operator", Some("x")),
    ] {
        let headers = refused(request, 401, "unauthenticated").await;
        assert_eq!(headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_of_another_role_is_403() {
    let world = World::with_file().await;
    let keys = &world.keys;
    let get = |path, key: &matchmaker::identity::ApiKey| {
        world.request("GET", path).bearer_auth(key.as_str())
    };
    let beat = json!({"addresses": ["127.0.0.1:40000"], "capacity": 4, "connected": 0});
    let put = |id: &str, key: &matchmaker::identity::ApiKey| {
        let request = world.request("PUT", &format!("/v1/servers/{id}"));
        request.bearer_auth(key.as_str()).json(&beat)
    };
    for request in [
        world.ask(&keys.server),
        world.ask(&keys.admin),
        get("/v1/servers", &keys.player),
        get("/v1/servers", &keys.server),
        get("/metrics", &keys.player),
        put("eu", &keys.player),
        put("eu", &keys.admin),
        put("us-1", &keys.server),
        put("europe", &keys.server),
    ] {
        refused(request, 403, "forbidden").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_path_is_404_and_another_method_405() {
    let world = World::with_file().await;
    refused(world.request("GET", "/v2/connect"), 404, "not-found").await;
    let headers = refused(
        world.request("GET", "/v1/connect"),
        405,
        "method-not-allowed",
    )
    .await;
    assert_eq!(headers["allow"], "POST");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_another_server_is_409() {
    let world = World::with_file().await;
    let beat = json!({"addresses": ["127.0.0.1:40000"], "capacity": 4, "connected": 0});
    assert_eq!(
        world.beat("eu-1", &beat).send().await.unwrap().status(),
        200
    );
    refused(world.beat("eu-2", &beat), 409, "address-in-use").await;
    assert_eq!(
        world.servers().await["servers"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_413() {
    let world = World::with_file().await;
    let long = json!({"labels": {"region": "e".repeat(20_000)}});
    let request = world.ask(&world.keys.player).json(&long);
    refused(request, 413, "body-too-large").await;
    let mut beat = json!({"addresses": ["127.0.0.1:40000"], "capacity": 4, "connected": 0});
    beat["clients"] = vec!["18446744073709551615"; 30_000].into();
    refused(world.beat("eu", &beat), 413, "body-too-large").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_may_name_16_384_clients() {
    let world = World::with_file().await;
    let clients: Vec<_> = (0..16_384_u64)
        .map(|id| (u64::MAX - id).to_string())
        .collect();
    let beat = json!({
        "addresses": ["127.0.0.1:40000"], "capacity": 20_000, "connected": 16_384,
        "clients": clients,
    });
    let response = world.beat("eu", &beat).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_is_415() {
    let world = World::with_file().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = world.request("POST", "/v1/connect").body("{}");
        let request = request.bearer_auth(world.keys.player.as_str());
        let request = request.header("content-type", kind);
        refused(request, 415, "unsupported-media-type").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_or_an_address_over_its_rate_is_429_with_the_time_to_wait() {
    let folder = TempDir::new().unwrap();
    let mut setup = Setup::new(file_store(&folder));
    setup.account_burst = 2;
    let world = setup.start().await;
    let address = "127.0.0.1:40000".parse().unwrap();
    world.register("eu", address, 4).await;
    for _ in 0..2 {
        let response = world.ask(&world.keys.player).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let headers = refused(world.ask(&world.keys.player), 429, "too-many-requests").await;
    // One request a minute: the next is due within it.
    assert!((50..=60).contains(&seconds(&headers)));
    // Another account is not held up.
    let response = world.ask(&world.keys.other).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_count_against_the_address() {
    let folder = TempDir::new().unwrap();
    let mut setup = Setup::new(file_store(&folder));
    setup.address_burst = 3;
    let world = setup.start().await;
    let stranger = matchmaker::identity::ApiKey::generate().unwrap();
    let list = || {
        world
            .request("GET", "/v1/servers")
            .bearer_auth(stranger.as_str())
    };
    for _ in 0..3 {
        refused(list(), 401, "unauthenticated").await;
    }
    let headers = refused(list(), 429, "too-many-requests").await;
    assert!((50..=60).contains(&seconds(&headers)));
    refused(world.ask(&world.keys.player), 429, "too-many-requests").await;
    // A server behind the same address still sends its heartbeats.
    world
        .register("eu", "127.0.0.1:40000".parse().unwrap(), 4)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_without_a_free_slot_is_503() {
    let world = World::with_file().await;
    refused(world.ask(&world.keys.player), 503, "no-free-slot").await;
    world
        .register("eu", "127.0.0.1:40000".parse().unwrap(), 1)
        .await;
    assert_eq!(
        world.ask(&world.keys.player).send().await.unwrap().status(),
        200
    );
    let headers = refused(world.ask(&world.keys.other), 503, "no-free-slot").await;
    assert!((1..=60).contains(&seconds(&headers)));
}
