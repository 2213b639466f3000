//! Servers and clients of the `netcode` command, talking over UDP.

use std::io::{BufRead as _, BufReader, Write as _};

use crate::command::{Server, client, fail, folder, mint, succeed};
use serde_json::Value;

#[test]
fn a_client_sends_and_shows_what_the_server_echoes() {
    let folder = folder("echo");
    let mut server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let shown = succeed(&folder, "client 7.token --send hello --count 3 --rate 100");
    assert_eq!(shown, "hello\nhello\nhello\n");
    for expected in ["client connected", "client left"] {
        assert_eq!(server.wait_for(expected)["client_id"], "7");
    }
}

#[test]
fn a_client_sends_each_line_of_its_input() {
    let folder = folder("stdin");
    let server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let mut client = client(&folder, "7.token --stdin --json --rate 100");
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
fn a_relay_sends_a_payload_to_all_other_clients() {
    let folder = folder("relay");
    let mut server = Server::start(&folder, "--relay");
    server.mint(&folder, 1);
    server.mint(&folder, 2);
    let mut listener = client(&folder, "1.token");
    assert_eq!(server.event()["client_id"], "1");
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
    let mut first = client(&folder, "1.token");
    assert_eq!(server.event()["client_id"], "1");
    let refusal = fail(&folder, "client 2.token --send hello", 3);
    assert!(refusal.contains("full"), "{refusal}");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_server_on_all_interfaces_is_named_by_loopback_and_its_port() {
    let folder = folder("everywhere");
    let server = Server::bind(&folder, "0.0.0.0:0", "");
    mint(&folder, 7, &server.address.replace("0.0.0.0", "127.0.0.1"));
    assert_eq!(succeed(&folder, "client 7.token --send hello"), "hello\n");
}

#[test]
fn a_client_behind_a_slow_network_still_sends_disconnect_packets() {
    let folder = folder("slow");
    let mut server = Server::start(&folder, "");
    server.mint(&folder, 7);
    succeed(&folder, "client 7.token --send hello --latency 100");
    server.wait_for("client connected");
    assert_eq!(server.event()["reason"], "by_client");
}

#[test]
fn a_client_whose_output_is_closed_disconnects_and_exits_with_success() {
    let folder = folder("pipe");
    let mut server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let mut client = client(&folder, "7.token --send hello --count 100000");
    drop((client.stdout.take(), client.stderr.take()));
    assert!(client.wait().unwrap().success());
    server.wait_for("client connected");
    assert_eq!(server.event()["reason"], "by_client");
}

#[cfg(unix)]
#[test]
fn a_client_disconnected_before_its_work_is_done_fails() {
    let folder = folder("home");
    let mut server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let client = client(&folder, "7.token --send hello --count 100000");
    server.wait_for("client connected");
    server.signal("INT");
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let refusal = String::from_utf8(output.stderr).unwrap();
    assert!(refusal.contains("ended the session"), "{refusal}");
}

#[test]
fn a_line_that_is_no_payload_ends_the_client_after_a_disconnect() {
    let folder = folder("line");
    let mut server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let mut client = client(&folder, "7.token --stdin");
    let mut input = client.stdin.take().unwrap();
    input.write_all(&[b'x'; 1201]).unwrap();
    drop(input);
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let refusal = String::from_utf8(output.stderr).unwrap();
    assert!(refusal.contains("split it"), "{refusal}");
    server.wait_for("client connected");
    assert_eq!(server.event()["reason"], "by_client");
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let folder = folder("taken");
    let server = Server::start(&folder, "");
    let second = format!(
        "server --key game.key --protocol-id 42 --max-token-lifetime off --bind {}",
        server.address
    );
    let refusal = fail(&folder, &second, 1);
    assert!(
        refusal.contains(&server.address) && refusal.contains("--bind"),
        "{refusal}"
    );
}

#[cfg(unix)]
#[test]
fn a_server_that_is_asked_to_end_disconnects_its_clients_and_prints_its_counters() {
    let folder = folder("end");
    let mut server = Server::start(&folder, "");
    server.mint(&folder, 7);
    let client = client(&folder, "7.token");
    server.wait_for("client connected");
    server.signal("INT");
    server.wait_for("draining");
    assert_eq!(server.wait_for("client left")["reason"], "server_stopped");
    assert_eq!(server.wait_for("totals")["connects"], 1);
    assert!(server.wait());
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_missing_server_is_no_connection_and_the_error_says_what_to_check() {
    let folder = folder("missing");
    // An address without a listener: a socket was bound to it and closed again.
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
