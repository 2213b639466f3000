//! The crate's example, run as a reader would run it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netcode_bridge::{BridgeAddresses, Transport};
use netcode_std::Client;

use crate::pair::{client_turn, until};
use crate::world::BrowserLink;

/// The program of the example, which cargo builds with the tests.
fn example() -> Command {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let program = profile
        .join("examples")
        .join(format!("beside_a_server{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "`cargo test` without `--test`, or `cargo build --examples`, builds {}",
        program.display()
    );
    Command::new(program)
}

/// The example, which runs until it is dropped.
struct Running {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start() -> Self {
        let mut process = example().stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    /// The rest of the next line, which begins with `name`.
    fn value(&mut self, name: &str) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let value = line.trim_end().strip_prefix(name);
        value
            .unwrap_or_else(|| panic!("no {name}: {line}"))
            .to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_browser_reaches_the_server_beside_the_bridge() {
    let mut running = Running::start();
    let bridge = BridgeAddresses {
        webtransport: vec![running.value("webtransport: https://").parse().unwrap()],
        http: vec![running.value("webrtc: http://").parse().unwrap()],
        certificate_hash: {
            let hash = BASE64_STANDARD.decode(running.value("certificate: "));
            hash.unwrap().try_into().unwrap()
        },
        ..BridgeAddresses::default()
    };
    let token = BASE64_STANDARD.decode(running.value("token: ")).unwrap();

    let mut client = Client::with_link(BrowserLink::new(Transport::WebTransport, &bridge));
    client.connect(&token).unwrap();
    until("the payload", || {
        let payloads = client_turn(&mut client);
        client.send(b"hello").unwrap();
        client.wait(Duration::from_millis(1)).unwrap();
        payloads.contains(&b"hello".to_vec())
    });
}

#[test]
fn the_example_ends_after_its_given_duration() {
    let output = example().args(["--for", "0"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = example().arg("--nonsense").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
