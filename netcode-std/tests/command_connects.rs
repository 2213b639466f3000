//! Servers and clients of the `netcode` command, talking over UDP.
#![cfg(feature = "command")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

mod command;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use command::{Server, fail, folder, mint, netcode, succeed};
use serde_json::Value;

#[test]
fn a_client_sends_and_shows_what_the_server_echoes() {
    let folder = folder("echo");
    let mut server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let shown = succeed(&folder, "client 7.token --send hello --count 3 --rate 100");
    assert_eq!(shown, "hello\nhello\nhello\n");
    for expected in ["connected", "disconnected"] {
        let event = server.event();
        assert_eq!(event["event"], expected);
        assert_eq!(event["client_id"], 7);
    }
}

#[test]
fn a_client_sends_each_line_of_its_input() {
    let folder = folder("stdin");
    let server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let mut client = netcode(&folder)
        .args(["client", "7.token", "--stdin", "--json", "--rate", "100"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"one\n\ntwo\n").unwrap();
    drop(input);
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let echoes: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "payload")
        .map(|event| &event["bytes"])
        .collect();
    assert_eq!(echoes, [&hex::encode("one"), &hex::encode("two")]);
    assert_eq!(events.last().unwrap()["sent"], 2);
}

#[test]
fn a_relay_sends_a_payload_to_everybody_else() {
    let folder = folder("relay");
    let mut server = Server::start(&folder, "--relay");
    server.mint(&folder, 1);
    server.mint(&folder, 2);
    let mut listener = netcode(&folder)
        .args(["client", "1.token"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(server.event()["client_id"], 1);
    let own = succeed(&folder, "client 2.token --send hello --linger 0.2");
    assert_eq!(own, "");
    let mut line = String::new();
    let mut heard = BufReader::new(listener.stdout.take().unwrap());
    heard.read_line(&mut line).unwrap();
    assert_eq!(line, "hello\n");
    listener.kill().unwrap();
    listener.wait().unwrap();
}

#[test]
fn a_full_server_refuses_with_the_code_for_no_connection() {
    let folder = folder("full");
    let mut server = Server::start(&folder, "--max-clients 1");
    server.mint(&folder, 1);
    server.mint(&folder, 2);
    let mut first = netcode(&folder)
        .args(["client", "1.token"])
        .spawn()
        .unwrap();
    assert_eq!(server.event()["client_id"], 1);
    let refusal = fail(&folder, "client 2.token --send hello", 3);
    assert!(refusal.contains("full"), "{refusal}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_missing_server_is_no_connection_and_an_answer_says_what_to_look_at() {
    let folder = folder("missing");
    // Nobody listens where a socket was bound and closed again.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = socket.local_addr().unwrap();
    drop(socket);
    mint(&folder, 3, &free.to_string());
    let refusal = fail(&folder, "client 3.token --send hello", 3);
    assert!(refusal.contains("no server answered"), "{refusal}");
}

#[test]
fn the_demonstration_loses_nothing_by_itself() {
    let folder = folder("demo");
    let shown = succeed(&folder, "demo --clients 8 --seconds 0.5 --json");
    let summary: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(summary["connects"], 8);
    assert_eq!(summary["payloads_sent"], summary["payloads_echoed"]);
    assert_eq!(summary["datagrams_lost_unexplained"], 0);
    assert!(summary["payloads_echoed"].as_u64().unwrap() > 0);
}

#[test]
fn the_demonstration_accounts_for_what_the_simulator_loses() {
    let folder = folder("demo-loss");
    let shown = succeed(
        &folder,
        "demo --clients 4 --seconds 1 --payload 1200 --loss 20 --duplicates 10 --latency 5 \
         --jitter 10 --json",
    );
    let summary: Value = serde_json::from_str(&shown).unwrap();
    let count = |name: &str| summary[name].as_u64().unwrap();
    assert!(count("payloads_lost") > 0);
    assert_eq!(
        count("payloads_sent"),
        count("payloads_echoed") + count("payloads_lost")
    );
    assert_eq!(summary["datagrams_lost_unexplained"], 0);
}
