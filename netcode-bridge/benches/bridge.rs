//! Costs of the bridge: latency it adds to UDP, datagrams per second of one core, memory of a
//! session. All of it in one run: `cargo bench -p netcode-bridge`.
//!
//! The bridge is a process of its own, so that its processor time and memory are its own; the
//! clients are native ones, so that no browser's time is in the figures.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement stops where it fails"
)]
#![allow(dead_code, reason = "it uses a part of what tests share")]

#[path = "../../netcode-std/tests/it/pair.rs"]
mod pair;
#[path = "../tests/it/world/mod.rs"]
mod world;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use netcode_bridge::{BridgeAddresses, Transport};
use world::{BOTH, Browser, Visit};

const ROUNDS: usize = 4000;
const BYTES: usize = 1000;
const SESSIONS: usize = 400;
const SPAN: Duration = Duration::from_secs(3);

fn main() {
    let server = echo_server();
    let process = BridgeProcess::start(server);

    let mut direct = direct(server);
    println!("echoes of {BYTES} bytes, {ROUNDS} one after the other");
    let base = percentiles(&mut direct);
    println!(
        "{:<13} p50 {:>6.1} us   p99 {:>6.1} us",
        "direct UDP", base.0, base.1
    );
    for transport in BOTH {
        let browser = open(transport, &process.addresses, server);
        let (p50, p99) = percentiles(&mut bridged(&browser));
        println!(
            "{:<13} p50 {p50:>6.1} us   p99 {p99:>6.1} us   added: {:.1} and {:.1} us",
            transport.name(),
            p50 - base.0,
            p99 - base.1
        );
    }

    println!(
        "\nas many echoes as there is time for, {} s",
        SPAN.as_secs()
    );
    for transport in BOTH {
        let browser = open(transport, &process.addresses, server);
        let before = process.cpu();
        let echoes = flood(&browser);
        let cpu = process.cpu() - before;
        let datagrams = 2.0 * f64::from(echoes);
        println!(
            "{:<13} {:>7.0} datagrams a second, {:>7.0} per second of one core",
            transport.name(),
            datagrams / SPAN.as_secs_f64(),
            datagrams / cpu.as_secs_f64()
        );
    }

    println!("\nmemory, {SESSIONS} sessions at once");
    for transport in BOTH {
        // One of its own: memory that earlier sessions left behind would be used again, uncounted.
        let process = BridgeProcess::start(server);
        drop(open(transport, &process.addresses, server));
        let before = process.resident_kib();
        let browsers: Vec<_> = (0..SESSIONS)
            .map(|_| open(transport, &process.addresses, server))
            .collect();
        let after = process.resident_kib();
        println!(
            "{:<13} {:>6.1} KiB a session",
            transport.name(),
            (after - before) / f64::from(u32::try_from(browsers.len()).unwrap())
        );
    }
}

fn echo_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..len], from);
        }
    });
    address
}

/// An open session: its request has come back.
fn open(transport: Transport, addresses: &BridgeAddresses, server: SocketAddr) -> Browser {
    let browser = Browser::open(Visit::new(transport, addresses, server));
    browser.send(&world::request(server));
    browser
        .receive(Duration::from_secs(20))
        .expect("an echo of the request");
    browser
}

fn direct(server: SocketAddr) -> Vec<Duration> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    let mut buffer = [0; 2000];
    measure(|message| {
        socket.send(message).unwrap();
        socket.recv(&mut buffer).unwrap();
    })
}

fn bridged(browser: &Browser) -> Vec<Duration> {
    measure(|message| {
        browser.send(message);
        // One that is lost would show as a second.
        browser.receive(Duration::from_secs(1));
    })
}

fn measure(mut echo: impl FnMut(&[u8])) -> Vec<Duration> {
    let message = [0x15; BYTES];
    (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            echo(&message);
            began.elapsed()
        })
        .collect()
}

/// Keeps 32 messages under way for a while; how many came back.
fn flood(browser: &Browser) -> u32 {
    let message = [0x15; BYTES];
    (0..32).for_each(|_| browser.send(&message));
    let end = Instant::now() + SPAN;
    let mut echoes = 0;
    while Instant::now() < end {
        if browser.receive(Duration::from_millis(20)).is_some() {
            echoes += 1;
        }
        browser.send(&message);
    }
    echoes
}

/// Microseconds: the median, and what one in a hundred exceeds.
fn percentiles(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}

struct BridgeProcess {
    child: Child,
    addresses: BridgeAddresses,
}

impl BridgeProcess {
    fn start(server: SocketAddr) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_netcode-bridge"))
            .args(["--log-format", "json", "--listen", "127.0.0.1:0", "--allow"])
            .arg(server.to_string())
            .args(["--datagrams-per-second", "1000000"])
            .args(["--bytes-per-second", "2000000000"])
            .args(["--max-sessions-per-address", "100000"])
            .args(["--arrivals-per-second-per-address", "100000"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line: serde_json::Value =
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        // A program whose reader is slow waits.
        thread::spawn(move || lines.for_each(drop));
        let list = |name: &str| vec![line[name].as_str().unwrap().parse().unwrap()];
        let hash = line["certificate_hash"].as_str().unwrap();
        Self {
            child,
            addresses: BridgeAddresses {
                webtransport: list("webtransport"),
                http: list("webrtc_offers"),
                rtc: list("webrtc"),
                certificate_hash: base64::Engine::decode(&base64::prelude::BASE64_STANDARD, hash)
                    .unwrap()
                    .try_into()
                    .unwrap(),
            },
        }
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))
            .expect("this measurement needs Linux's /proc")
    }

    /// Processor time it has used, all threads together. Linux counts hundredths of a second.
    fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }

    fn resident_kib(&self) -> f64 {
        let status = self.read("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number.unwrap().parse().unwrap()
    }
}

impl Drop for BridgeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
