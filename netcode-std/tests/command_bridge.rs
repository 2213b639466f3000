//! The `netcode` command's bridge: alone, and in a server's own process.
#![cfg(all(feature = "command", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]
#![allow(
    dead_code,
    reason = "each test program uses its own part of what they share"
)]

mod bridge;
mod command;
mod pair;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bridge::{BOTH, BrowserLink};
use command::{Server, Service, fail, folder};
use netcode_std::Client;
use netcode_std::bridge::BridgeAddresses;
use netcode_std::core::client::ClientState;
use pair::{client_turn, until};
use serde_json::Value;

const ON_LOOPBACK: &str = "--listen 127.0.0.1:0 --rtc-listen 127.0.0.1:0";

/// What a bridge says of where it listens.
fn addresses(listening: &Value) -> BridgeAddresses {
    assert_eq!(listening["event"], "bridge_listening");
    let list = |name: &str| vec![listening[name][0].as_str().unwrap().parse().unwrap()];
    let hash = listening["certificate_hash"].as_str().unwrap();
    BridgeAddresses {
        webtransport: list("webtransport"),
        http: list("http"),
        rtc: list("rtc"),
        metrics: None,
        certificate_hash: BASE64_STANDARD.decode(hash).unwrap().try_into().unwrap(),
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn a_server_s_own_bridge_lets_browsers_in_and_says_goodbye_with_it() {
    for (id, transport) in (7..).zip(BOTH) {
        let folder = folder(&format!("bridge-server-{transport}"));
        let words = "--bridge 127.0.0.1:0 --rtc-listen 127.0.0.1:0";
        let mut server = Server::start(&folder, words);
        let bridge = addresses(&server.event());
        server.mint(&folder, id);
        let token = std::fs::read(folder.join(format!("{id}.token"))).unwrap();

        let mut client = Client::with_link(BrowserLink::new(transport, &bridge));
        client.connect(&token).unwrap();
        until("the connection", || {
            client_turn(&mut client);
            client.wait(Duration::from_millis(1)).unwrap();
            client.is_connected()
        });
        client.send(b"hello").unwrap();
        until("the echo", || {
            client.wait(Duration::from_millis(1)).unwrap();
            client_turn(&mut client) == [b"hello"]
        });
        server.service.signal("INT");
        until("the goodbye", || {
            client_turn(&mut client);
            client.wait(Duration::from_millis(1)).unwrap();
            client.state() == ClientState::Disconnected
        });
        drop(client);
        assert!(server.service.wait());
    }
}

#[test]
fn a_bridge_reads_its_certificate_again_when_it_is_asked_to() {
    let folder = folder("bridge-reload");
    let mut bridge = Service::start(
        &folder,
        &format!("bridge --allow 127.0.0.1:1 {ON_LOOPBACK}"),
    );
    let before = bridge.listening["certificate_hash"].clone();
    bridge.signal("HUP");
    let event = bridge.event();
    assert_eq!(event["event"], "certificate_reloaded");
    assert_ne!(event["certificate_hash"], before);
}

#[test]
fn a_bridge_that_is_asked_to_end_drains_first() {
    let folder = folder("bridge-drain");
    let words = format!("bridge --allow 127.0.0.1:1 --drain 5 {ON_LOOPBACK}");
    let mut bridge = Service::start(&folder, &words);
    bridge.signal("TERM");
    assert_eq!(bridge.event()["event"], "draining");
    assert_eq!(bridge.event()["event"], "bridge_stopped");
    assert!(bridge.wait());
}

#[test]
fn prometheus_finds_the_counters_and_nothing_else() {
    let folder = folder("bridge-metrics");
    let words = format!("bridge --allow 127.0.0.1:1 --metrics 127.0.0.1:0 {ON_LOOPBACK}");
    let bridge = Service::start(&folder, &words);
    let address = bridge.listening["metrics"].as_str().unwrap();
    let metrics = get(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("# TYPE netcode_bridge_sessions gauge"));
    assert!(get(address, "/").starts_with("HTTP/1.1 404"));
    let offers = bridge.listening["http"][0].as_str().unwrap();
    assert!(get(offers, "/metrics").starts_with("HTTP/1.1 404"));
}

#[test]
fn what_cannot_work_is_refused_in_words() {
    let folder = folder("bridge-refusals");
    let refused = fail(&folder, "bridge", 2);
    assert!(refused.contains("--allow"), "{refused}");
    let refused = fail(&folder, "bridge --allow 127.0.0.1", 2);
    assert!(refused.contains("HOST:PORT"), "{refused}");
    let refused = fail(&folder, "bridge --allow 127.0.0.1:1 --certificate a.pem", 2);
    assert!(refused.contains("--certificate-key"), "{refused}");
    let words = "bridge --allow 127.0.0.1:1 --certificate a.pem --certificate-key b.pem";
    let refused = fail(&folder, &format!("{words} {ON_LOOPBACK}"), 1);
    assert!(refused.contains("a.pem"), "{refused}");
    let words = format!("bridge --allow 127.0.0.1:1 --origin game.example {ON_LOOPBACK}");
    let refused = fail(&folder, &words, 1);
    assert!(refused.contains("https://game.example"), "{refused}");
}

/// Runs the command's bridge under a limit of the shell until it has started or given up; gives
/// what the system says of its descriptors, and what it complains of.
#[cfg(target_os = "linux")]
fn bridge_under(limit: &str, words: &str) -> (String, String) {
    let folder = folder(&format!("bridge{}", limit.replace(' ', "-")));
    let netcode = env!("CARGO_BIN_EXE_netcode");
    let script = format!(
        "ulimit {limit} || exit; \
         {netcode} bridge --allow 127.0.0.1:1 --json {ON_LOOPBACK} {words} > out & pid=$!; \
         until test -s out || ! kill -0 $pid 2> /dev/null; do :; done; \
         grep 'Max open files' /proc/$pid/limits 2> /dev/null; \
         kill -s TERM $pid 2> /dev/null; wait $pid"
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(folder).output();
    let output = output.unwrap();
    let [told, complaint] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    (told, complaint)
}

#[cfg(target_os = "linux")]
#[test]
fn a_bridge_has_the_descriptors_that_its_limits_need_or_does_not_start() {
    // The soft limit is raised.
    let few = "--max-sessions 100 --max-connections 100";
    let (told, complaint) = bridge_under("-Sn 64", few);
    assert!(told.contains(" 328 "), "{told}{complaint}");
    // The hard limit is the system's word.
    let (told, complaint) = bridge_under("-n 256", "");
    assert_eq!(told, "");
    for part in ["4736 descriptors", "256", "ulimit"] {
        assert!(complaint.contains(part), "{complaint}");
    }
}

#[test]
fn every_limit_is_an_option() {
    let folder = folder("bridge-options");
    let words = "--trusted-proxy 10.0.0.0/8 --trusted-proxy ::1 --proxy-header forwarded \
                 --max-offers 1 --max-offers-per-address 1 --offer-timeout 1 \
                 --max-quic-handshakes 1 --max-quic-handshakes-per-address 1 \
                 --quic-handshake-timeout 1 --max-connections 1 --max-connections-per-address 1 \
                 --request-timeout 1 --arrivals-per-second 1 --arrivals-per-second-per-address 1";
    let words = format!("bridge --allow 127.0.0.1:1 {words} --drain 1 {ON_LOOPBACK}");
    let mut bridge = Service::start(&folder, &words);
    bridge.signal("TERM");
    assert_eq!(bridge.event()["event"], "draining");
    let stopped = bridge.event();
    assert_eq!(stopped["limited"]["OffersPerAddress"], 0, "{stopped}");
    let refused = fail(&folder, "bridge --allow 127.0.0.1:1 --trusted-proxy any", 2);
    assert!(refused.contains("10.0.0.0/8"), "{refused}");
}
