//! The `netcode-bridge` program, run as an operator would run it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netcode_bridge::BridgeAddresses;
use netcode_std::Client;
use netcode_std::core::client::ClientState;
use serde_json::Value;

use crate::pair::{client_turn, server, token, turn, until};
use crate::world::{BOTH, BrowserLink};

const ON_LOOPBACK: &str = "--listen 127.0.0.1:0 --rtc-listen 127.0.0.1:0";

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netcode-bridge"));
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs what must fail with this exit code; gives what it said.
fn fail(words: &str, code: i32) -> String {
    let output = program().args(words.split_whitespace()).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{words}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The program, telling its events as JSON, a line each.
struct Service {
    process: Child,
    output: BufReader<ChildStdout>,
    /// Its first event: where it listens.
    listening: Value,
}

impl Service {
    fn start(words: &str) -> Self {
        let mut process = program()
            .args(words.split_whitespace())
            .arg("--json")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut service = Self {
            process,
            output,
            listening: Value::Null,
        };
        service.listening = service.event();
        service
    }

    fn event(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end; whether it ended well.
    fn wait(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Addresses in a bridge's first event.
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
fn browsers_reach_a_server_through_the_program_and_receive_its_disconnect() {
    for (id, transport) in (7..).zip(BOTH) {
        let mut server = server(1);
        let allowed = server.local_addresses()[0];
        let program = Service::start(&format!("--allow {allowed} {ON_LOOPBACK}"));

        let bridge = addresses(&program.listening);
        let mut client = Client::with_link(BrowserLink::new(transport, &bridge));
        client.connect(&token(id, &[allowed], &[])).unwrap();
        until("the connection", || {
            turn(&mut server);
            client_turn(&mut client);
            client.wait(Duration::from_millis(1)).unwrap();
            client.is_connected()
        });
        let index = client.core().client_index().unwrap();
        server.send(index, b"hello").unwrap();
        until("the payload", || {
            client.wait(Duration::from_millis(1)).unwrap();
            client_turn(&mut client) == [b"hello"]
        });
        server.stop().unwrap();
        until("the disconnect", || {
            client_turn(&mut client);
            client.wait(Duration::from_millis(1)).unwrap();
            client.state() == ClientState::Disconnected
        });
    }
}

#[test]
fn a_bridge_reloads_its_certificate_on_request() {
    let mut bridge = Service::start(&format!("--allow 127.0.0.1:1 {ON_LOOPBACK}"));
    let before = bridge.listening["certificate_hash"].clone();
    bridge.signal("HUP");
    let event = bridge.event();
    assert_eq!(event["event"], "certificate_reloaded");
    assert_ne!(event["certificate_hash"], before);
}

#[test]
fn a_bridge_that_is_asked_to_end_drains_first() {
    let words = format!("--allow 127.0.0.1:1 --drain 5 {ON_LOOPBACK}");
    let mut bridge = Service::start(&words);
    bridge.signal("TERM");
    assert_eq!(bridge.event()["event"], "draining");
    assert_eq!(bridge.event()["event"], "bridge_stopped");
    assert!(bridge.wait());
}

#[test]
fn prometheus_finds_the_counters_and_nothing_else() {
    let words = format!("--allow 127.0.0.1:1 --metrics 127.0.0.1:0 {ON_LOOPBACK}");
    let bridge = Service::start(&words);
    let address = bridge.listening["metrics"].as_str().unwrap();
    let metrics = get(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("# TYPE netcode_bridge_sessions gauge"));
    assert!(get(address, "/").starts_with("HTTP/1.1 404"));
    let offers = bridge.listening["http"][0].as_str().unwrap();
    assert!(get(offers, "/metrics").starts_with("HTTP/1.1 404"));
}

#[test]
fn an_unusable_configuration_is_refused_with_an_explanation() {
    let refused = fail("", 2);
    assert!(refused.contains("--allow"), "{refused}");
    let refused = fail("--allow 127.0.0.1", 2);
    assert!(refused.contains("HOST:PORT"), "{refused}");
    let refused = fail("--allow 127.0.0.1:1 --certificate a.pem", 2);
    assert!(refused.contains("--certificate-key"), "{refused}");
    let words = "--allow 127.0.0.1:1 --certificate a.pem --certificate-key b.pem";
    let refused = fail(&format!("{words} {ON_LOOPBACK}"), 1);
    assert!(refused.contains("a.pem"), "{refused}");
    let words = format!("--allow 127.0.0.1:1 --origin game.example {ON_LOOPBACK}");
    let refused = fail(&words, 1);
    assert!(refused.contains("https://game.example"), "{refused}");
}

/// Runs the program under a limit of the shell until it has started or given up; gives
/// what the system says of its descriptors, and what it complains of.
#[cfg(target_os = "linux")]
fn bridge_under(limit: &str, words: &str) -> (String, String) {
    let bridge = env!("CARGO_BIN_EXE_netcode-bridge");
    let script = format!(
        "ulimit {limit} || exit; \
         {bridge} --allow 127.0.0.1:1 --json {ON_LOOPBACK} {words} > out-$$ & pid=$!; \
         until test -s out-$$ || ! kill -0 $pid 2> /dev/null; do :; done; \
         grep 'Max open files' /proc/$pid/limits 2> /dev/null; \
         kill -s TERM $pid 2> /dev/null; wait $pid"
    );
    let mut shell = Command::new("sh");
    let output = shell
        .args(["-c", &script])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output();
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
    let words = "--trusted-proxy 10.0.0.0/8 --trusted-proxy ::1 --proxy-header forwarded \
                 --max-offers 1 --max-offers-per-address 1 --offer-timeout 1 \
                 --max-quic-handshakes 1 --max-quic-handshakes-per-address 1 \
                 --quic-handshake-timeout 1 --max-connections 1 --max-connections-per-address 1 \
                 --request-timeout 1 --arrivals-per-second 1 --arrivals-per-second-per-address 1";
    let words = format!("--allow 127.0.0.1:1 {words} --drain 1 {ON_LOOPBACK}");
    let mut bridge = Service::start(&words);
    bridge.signal("TERM");
    assert_eq!(bridge.event()["event"], "draining");
    let stopped = bridge.event();
    assert_eq!(stopped["limited"]["offers_per_address"], 0, "{stopped}");
    let refused = fail("--allow 127.0.0.1:1 --trusted-proxy any", 2);
    assert!(refused.contains("10.0.0.0/8"), "{refused}");
}
