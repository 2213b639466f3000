//! The endpoint, as Prometheus and an orchestrator's probes read it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clap::Parser;
use netcode_service::{Endpoint, EndpointArgs, Health, Phase};

const LOOPBACK: &str = "127.0.0.1:0";

fn start(health: &Health) -> Endpoint {
    let metrics = || "turns_total 7\n# EOF\n".to_owned();
    Endpoint::start(LOOPBACK.parse().unwrap(), health.clone(), metrics).unwrap()
}

/// The whole answer to a request.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: it\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[test]
fn metrics_are_open_metrics_text() {
    let endpoint = start(&Health::new(Duration::MAX));
    let answer = ask(endpoint.address(), "GET /metrics");
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(answer.ends_with("turns_total 7\n# EOF\n"), "{answer}");
    let head = ask(endpoint.address(), "HEAD /metrics");
    assert!(
        head.ends_with("\r\n\r\n") && head.contains("content-length: 20"),
        "{head}"
    );
}

#[test]
fn a_draining_program_is_alive_and_not_ready() {
    let health = Health::new(Duration::MAX);
    let endpoint = start(&health);
    for (phase, ready) in [
        (Phase::Starting, "503"),
        (Phase::Serving, "200"),
        (Phase::Draining, "503"),
    ] {
        health.set_phase(phase);
        assert_eq!(status(&ask(endpoint.address(), "GET /readyz")), ready);
        assert_eq!(status(&ask(endpoint.address(), "GET /healthz")), "200");
    }
    assert!(ask(endpoint.address(), "GET /readyz").ends_with("draining\n"));
}

#[test]
fn a_loop_that_does_not_turn_is_answered_with_unavailable() {
    let health = Health::new(Duration::ZERO);
    let endpoint = start(&health);
    while status(&ask(endpoint.address(), "GET /healthz")) == "200" {}
    assert!(ask(endpoint.address(), "GET /healthz").contains("stuck"));
    assert_eq!(status(&ask(endpoint.address(), "GET /readyz")), "503");
}

#[test]
fn other_paths_and_methods_are_refused() {
    let endpoint = start(&Health::new(Duration::MAX));
    assert_eq!(status(&ask(endpoint.address(), "GET /")), "404");
    assert_eq!(status(&ask(endpoint.address(), "POST /else")), "404");
    let refusal = ask(endpoint.address(), "POST /metrics");
    assert_eq!(status(&refusal), "405");
    assert!(refusal.contains("allow: GET, HEAD"), "{refusal}");
    let long = "x".repeat(20_000);
    let refusal = ask(endpoint.address(), &format!("GET /{long}"));
    assert!(
        refusal.is_empty() || status(&refusal).starts_with('4'),
        "{refusal}"
    );
}

#[test]
fn silent_connections_do_not_keep_others_waiting_and_are_closed() {
    let endpoint = start(&Health::new(Duration::MAX));
    let connect = |_| TcpStream::connect(endpoint.address()).unwrap();
    let silent: Vec<TcpStream> = (0..31).map(connect).collect();
    assert_eq!(status(&ask(endpoint.address(), "GET /healthz")), "200");
    // All places are taken: the next one waits until the silent ones are closed.
    let last = connect(0);
    assert_eq!(status(&ask(endpoint.address(), "GET /healthz")), "200");
    for mut stream in silent.into_iter().chain([last]) {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
}

#[test]
fn all_interfaces_have_to_be_permitted() {
    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        endpoint: EndpointArgs,
    }
    let parse = |words: &str| {
        let words = std::iter::once("program").chain(words.split_whitespace());
        Program::try_parse_from(words)
    };
    let address = |words: &str| parse(words).ok().unwrap().endpoint.address();
    for everywhere in ["0.0.0.0:9100", "[::]:9100"] {
        let refusal = address(&format!("--metrics {everywhere}")).unwrap_err();
        assert!(refusal.to_string().contains("127.0.0.1:9100"), "{refusal}");
        let permitted = format!("--metrics {everywhere} --metrics-on-all-interfaces");
        assert_eq!(address(&permitted).unwrap(), everywhere.parse().ok());
    }
    assert_eq!(
        address("--metrics 127.0.0.1:9").unwrap(),
        "127.0.0.1:9".parse().ok()
    );
    assert!(parse("--metrics-on-all-interfaces").is_err());
    let refusal = parse("--metrics 127.0.0.1").err().unwrap().to_string();
    assert!(refusal.contains("the port is missing"), "{refusal}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let health = Health::new(Duration::MAX);
    let first = start(&health);
    let second = Endpoint::start(first.address(), health.clone(), String::new).unwrap_err();
    assert!(
        second.to_string().contains(&first.address().to_string()),
        "{second}"
    );
    // It is free again once the endpoint is dropped.
    let address = first.address();
    drop(first);
    Endpoint::start(address, health, String::new).unwrap();
}
