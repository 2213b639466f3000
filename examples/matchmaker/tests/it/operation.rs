//! Health, metrics, the description, other origins, TLS, and the end.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use matchmaker::api;
use matchmaker::identity::Credentials;
use matchmaker::serve::{TlsFiles, serve};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_ends_is_alive_and_not_ready() {
    let world = World::with_file().await;
    let get = |path| world.request("GET", path).send();
    assert_eq!(get("/healthz").await.unwrap().status(), 200);
    assert_eq!(get("/readyz").await.unwrap().status(), 200);
    world.service.ending.store(true, Ordering::Relaxed);
    assert_eq!(get("/healthz").await.unwrap().status(), 200);
    assert_eq!(get("/readyz").await.unwrap().status(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_ends_when_it_is_told_to() {
    let mut world = World::with_file().await;
    let response = world.request("GET", "/healthz").send().await.unwrap();
    assert_eq!(response.status(), 200);
    world.stop.take().unwrap().send(()).unwrap();
    (&mut world.ended).await.unwrap().unwrap();
    world.request("GET", "/healthz").send().await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_tokens_refusals_and_slots() {
    let world = World::with_file().await;
    world
        .register("eu", "127.0.0.1:40000".parse().unwrap(), 1)
        .await;
    world.ask(&world.keys.player).send().await.unwrap();
    world.ask(&world.keys.other).send().await.unwrap();
    let metrics = world.request("GET", "/metrics");
    let metrics = metrics
        .bearer_auth(world.keys.admin.as_str())
        .send()
        .await
        .unwrap();
    let text = metrics.text().await.unwrap();
    for line in [
        "matchmaker_tokens_total{kind=\"plain\"} 1",
        "matchmaker_refusals_total{code=\"no-free-slot\"} 1",
        "matchmaker_heartbeats_total 1",
        "matchmaker_slots 1",
        "matchmaker_reserved 1",
        "matchmaker_free 0",
        "matchmaker_request_seconds_count 3",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_every_operation_and_its_refusals() {
    let world = World::with_file().await;
    let description = world.request("GET", "/openapi.json").send().await.unwrap();
    let description: Value = description.json().await.unwrap();
    for (path, method) in [
        ("/v1/connect", "post"),
        ("/v1/device/connect", "post"),
        ("/v1/servers/{id}", "put"),
        ("/v1/servers", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ] {
        let responses = &description["paths"][path][method]["responses"];
        for status in [
            "200", "400", "401", "403", "404", "409", "413", "415", "429", "503",
        ] {
            assert!(responses[status].is_object(), "{method} {path} {status}");
        }
        let problem = &responses["429"]["content"]["application/problem+json"]["schema"];
        assert_eq!(problem["$ref"], "#/components/schemas/Problem");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_alone_may_ask_for_tokens() {
    let world = World::with_file().await;
    let ask = async |origin: &str| {
        let request = world.request("OPTIONS", "/v1/connect");
        let request = request.header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let response = request.send().await.unwrap();
        let allowed = response.headers().get("access-control-allow-origin");
        allowed.map(|it| it.to_str().unwrap().to_owned())
    };
    let allowed = ask("https://game.example").await;
    assert_eq!(allowed.as_deref(), Some("https://game.example"));
    assert_eq!(ask("https://evil.example").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_it_serves_https() {
    let world = World::with_file().await;
    let folder = TempDir::new().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles {
        certificate: folder.path().join("certificate.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = Arc::clone(&world.service);
    let routes = api::router(&service);
    let never = std::future::pending();
    tokio::spawn(serve(
        listener,
        Some(files),
        routes,
        service,
        never,
        Duration::ZERO,
    ));

    let authority = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority]);
    let http = http
        .resolve("localhost", ([127, 0, 0, 1], port).into())
        .build()
        .unwrap();
    let response = http
        .get(format!("https://localhost:{port}/healthz"))
        .send()
        .await;
    assert_eq!(response.unwrap().status(), 200);
    // And nothing else on that port.
    let plain = world
        .http
        .get(format!("http://127.0.0.1:{port}/healthz"))
        .send()
        .await;
    plain.unwrap_err();
}

#[test]
fn a_new_api_key_goes_to_its_file_alone_and_never_replaces_another() {
    let folder = TempDir::new().unwrap();
    let draw = || {
        Command::new(env!("CARGO_BIN_EXE_matchmaker"))
            .current_dir(folder.path())
            .args(["key", "--name", "eu", "--role", "server", "--out", "eu.api"])
            .output()
            .unwrap()
    };
    let entry = String::from_utf8(draw().stdout).unwrap();
    Credentials::parse(&entry).unwrap();
    let key = std::fs::read_to_string(folder.path().join("eu.api")).unwrap();
    assert!(key.starts_with("nck_") && !entry.contains(key.trim()));
    assert!(!draw().status.success());
    let after = std::fs::read_to_string(folder.path().join("eu.api")).unwrap();
    assert_eq!(after, key);
}
