//! The `netcode-bridge` program, run as an operator would run it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
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

/// The program, with its log as JSON, a line each.
struct Service {
    process: Child,
    log: BufReader<ChildStderr>,
    /// Line with the addresses.
    listening: Value,
}

impl Service {
    fn start(words: &str) -> Self {
        let mut command = program();
        command
            .args(words.split_whitespace())
            .env("NETCODE_LOG_FORMAT", "json");
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut service = Self {
            process,
            log,
            listening: Value::Null,
        };
        service.listening = service.line("listening");
        service
    }

    /// Next line with this message.
    fn line(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no `{message}`");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == message {
                return line;
            }
        }
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

    /// Ends it in order.
    fn stop(mut self) {
        self.signal("TERM");
        self.line("stopped");
        assert!(self.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Addresses in the line of a bridge that listens.
fn addresses(listening: &Value) -> BridgeAddresses {
    let text = |name: &str| listening[name].as_str().unwrap();
    let list = |name: &str| vec![text(name).parse().unwrap()];
    let hash = BASE64_STANDARD.decode(text("certificate_hash")).unwrap();
    BridgeAddresses {
        webtransport: list("webtransport"),
        http: list("webrtc_offers"),
        rtc: list("webrtc"),
        certificate_hash: hash.try_into().unwrap(),
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
    let replaced = bridge.line("certificate replaced");
    assert_eq!(replaced["previous_certificate_hash"], before);
    assert_ne!(replaced["certificate_hash"], before);
}

#[test]
fn a_development_certificate_in_a_file_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("development.pem");
    let words = format!(
        "--allow 127.0.0.1:1 {ON_LOOPBACK} --development-certificate {}",
        file.display()
    );
    let first = Service::start(&words);
    let hash = first.listening["certificate_hash"].clone();
    first.stop();
    let mut second = Service::start(&words);
    assert_eq!(second.listening["certificate_hash"], hash);
    // The file is the source: without it, a reload makes another.
    second.signal("HUP");
    second.line("certificate read again: unchanged");
    std::fs::remove_file(&file).unwrap();
    second.signal("HUP");
    let replaced = second.line("certificate replaced");
    assert_eq!(replaced["previous_certificate_hash"], hash);
    assert!(file.exists());
}

#[test]
fn a_bridge_that_is_asked_to_end_drains_first() {
    let words = format!("--allow 127.0.0.1:1 --drain 5 {ON_LOOPBACK}");
    let mut bridge = Service::start(&words);
    bridge.signal("TERM");
    bridge.line("draining: new sessions are refused");
    bridge.line("stopped");
    assert!(bridge.wait());
}

#[test]
fn prometheus_and_probes_find_the_bridge_and_browsers_find_neither() {
    let words = format!("--allow 127.0.0.1:1 --metrics 127.0.0.1:0 {ON_LOOPBACK}");
    let mut bridge = Service::start(&words);
    let served = bridge.line("metrics and health are served");
    let address = served["address"].as_str().unwrap();
    let metrics = get(address, "/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("# TYPE netcode_bridge_sessions gauge"));
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
    until("the bridge is ready", || {
        get(address, "/readyz").starts_with("HTTP/1.1 200")
    });
    let offers = bridge.listening["webrtc_offers"].as_str().unwrap();
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert!(get(offers, path).starts_with("HTTP/1.1 404"));
    }
}

#[test]
fn a_bridge_with_an_expired_certificate_is_alive_but_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&signing_key).unwrap();
    std::fs::write(&chain, certificate.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let words = format!(
        "--allow 127.0.0.1:1 --metrics 127.0.0.1:0 {ON_LOOPBACK} --certificate {} \
         --certificate-key {}",
        chain.display(),
        key.display()
    );
    let mut bridge = Service::start(&words);
    let served = bridge.line("metrics and health are served");
    bridge.line("browsers cannot connect: the certificate has expired");
    let address = served["address"].as_str().unwrap();
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 200"));
    until("the probe says so", || {
        get(address, "/readyz").starts_with("HTTP/1.1 503")
    });
    let expiry = "netcode_bridge_certificate_expiry_time_seconds 1577836800";
    assert!(get(address, "/metrics").contains(expiry));
}

#[test]
fn a_server_s_name_that_does_not_resolve_gives_a_warning() {
    let words = format!("--allow no-such-server.invalid:1 {ON_LOOPBACK}");
    let mut command = program();
    command.args(words.split_whitespace());
    command.env("NETCODE_LOG_FORMAT", "json");
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut log = BufReader::new(process.stderr.take().unwrap());
    log.read_line(&mut line).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "WARN", "{line}");
    assert_eq!(line["name"], "no-such-server.invalid");
}

#[test]
fn options_may_stand_in_the_environment() {
    let mut command = program();
    for (name, value) in [
        ("NETCODE_LOG_FORMAT", "json"),
        ("NETCODE_BRIDGE_ALLOW", "127.0.0.1:1,127.0.0.1:2"),
        ("NETCODE_BRIDGE_LISTEN", "127.0.0.1:0"),
        ("NETCODE_BRIDGE_NO_WEBRTC", "true"),
    ] {
        command.env(name, value);
    }
    let bridge = Service::of(command);
    assert!(bridge.listening["webtransport"].is_string());
    assert_eq!(bridge.listening.get("webrtc"), None);
}

#[test]
fn completions_and_a_manual_page_are_printed() {
    for (words, expected) in [
        ("completions bash", "--development-certificate"),
        ("man", ".TH netcode-bridge 1"),
    ] {
        let output = program().args(words.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn an_unusable_configuration_is_refused_with_an_explanation() {
    let refused = fail("", 2);
    assert!(refused.contains("--allow"), "{refused}");
    let refused = fail("--allow 127.0.0.1", 2);
    assert!(refused.contains("HOST:PORT"), "{refused}");
    let refused = fail("--allow 127.0.0.1:1 --certificate a.pem", 2);
    assert!(refused.contains("--certificate-key"), "{refused}");
    let refused = fail("--allow 127.0.0.1:1 --proxy-header forwarded", 2);
    assert!(refused.contains("--trusted-proxy"), "{refused}");
    let refused = fail("--allow 127.0.0.1:1 --listen 127.0.0.1", 2);
    assert!(refused.contains("127.0.0.1:40000"), "{refused}");
    let words = format!("--allow 127.0.0.1:1 --metrics 0.0.0.0:0 {ON_LOOPBACK}");
    let refused = fail(&words, 1);
    assert!(refused.contains("--metrics-on-all-interfaces"), "{refused}");
    let words = "--allow 127.0.0.1:1 --certificate a.pem --certificate-key b.pem";
    let refused = fail(&format!("{words} {ON_LOOPBACK}"), 1);
    assert!(refused.contains("a.pem"), "{refused}");
    let words = format!("--allow 127.0.0.1:1 --origin game.example {ON_LOOPBACK}");
    let refused = fail(&words, 1);
    assert!(refused.contains("https://game.example"), "{refused}");
}

/// The program, with the descriptors that the shell's `ulimit` leaves it.
#[cfg(target_os = "linux")]
fn under_limit(limit: &str, words: &str) -> Command {
    let script = format!(
        "ulimit {limit} && exec {} --allow 127.0.0.1:1 {ON_LOOPBACK} {words}",
        env!("CARGO_BIN_EXE_netcode-bridge")
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .current_dir(env!("CARGO_TARGET_TMPDIR"));
    shell
}

#[cfg(target_os = "linux")]
#[test]
fn a_bridge_has_the_descriptors_that_its_limits_need_or_does_not_start() {
    // The soft limit is raised.
    let mut few = under_limit("-Sn 64", "--max-sessions 100 --max-connections 100");
    few.env("NETCODE_LOG_FORMAT", "json");
    let service = Service::of(few);
    let limits = format!("/proc/{}/limits", service.process.id());
    let limits = std::fs::read_to_string(limits).unwrap();
    let files = limits.lines().find(|it| it.starts_with("Max open files"));
    assert!(files.unwrap().contains(" 328 "), "{limits}");
    service.stop();
    // The hard limit is the system's word.
    let output = under_limit("-n 256", "").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let complaint = String::from_utf8(output.stderr).unwrap();
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
    Service::start(&format!("--allow 127.0.0.1:1 {words} {ON_LOOPBACK}")).stop();
    let refused = fail("--allow 127.0.0.1:1 --trusted-proxy any", 2);
    assert!(refused.contains("10.0.0.0/8"), "{refused}");
}
