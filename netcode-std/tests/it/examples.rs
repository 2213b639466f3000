//! The crate's examples, run as a reader would run them.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use netcode_std::{
    Client, ClientEvent, ClientId, Key, ProtocolId, RECEIVE_BUFFER_BYTES, TokenSpec, generator,
    mint, unix_time,
};

const KEY: &str = "07070707070707070707070707070707070707070707070707070707070707aa";

/// The program of an example, which cargo builds with the tests.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let program = profile
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "`cargo test` without `--test`, or `cargo build --examples`, builds {}",
        program.display()
    );
    let mut command = Command::new(program);
    command.env("NETCODE_KEY", KEY);
    command
}

/// An example that runs until it is dropped.
struct Service {
    process: Child,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Service {
    /// Starts it on a port of the system's choice, which it prints.
    fn start(name: &str, others: &[SocketAddr]) -> Self {
        let mut process = example(name)
            .arg("127.0.0.1:0")
            .args(others.iter().map(ToString::to_string))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut service = Self {
            output: BufReader::new(process.stdout.take().unwrap()),
            process,
            address: "127.0.0.1:0".parse().unwrap(),
        };
        let line = service.line();
        service.address = line.strip_prefix("listening on ").unwrap().parse().unwrap();
        service
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server refuses tokens that are not younger than the second of its start.
fn until_tokens_are_younger_than_the_server() {
    let started = unix_time();
    while unix_time() <= started {
        std::thread::yield_now();
    }
}

#[test]
fn the_echo_client_gets_a_token_from_the_backend_and_its_payloads_from_the_server() {
    let mut server = Service::start("echo_server", &[]);
    let mut backend = Service::start("backend", &[server.address]);
    until_tokens_are_younger_than_the_server();

    let client = example("echo_client")
        .args([&backend.address.to_string(), "7"])
        .output()
        .unwrap();
    let output = String::from_utf8(client.stdout).unwrap();
    assert!(client.status.success(), "{output}");
    for number in 1..=5 {
        let expected = format!("hello {number} came back");
        assert!(output.lines().any(|line| line == expected), "{output}");
    }
    assert_eq!(backend.line(), "token for client 7");
    assert_eq!(server.line(), "client 7 is here");
    assert!(server.line().starts_with("client 7 left"));
}

#[test]
fn the_game_server_moves_a_player_by_its_input_and_sends_snapshots() {
    let server = Service::start("game_server", &[]);
    until_tokens_are_younger_than_the_server();
    let addresses = [server.address];
    let spec = TokenSpec::new(ProtocolId(42), ClientId(7), &addresses, unix_time());
    let token = mint(
        &spec,
        &Key::from_hex(KEY).unwrap(),
        &mut generator().unwrap(),
    );
    let mut client = Client::new().unwrap();
    client.connect(&token.unwrap()).unwrap();

    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let mut moved = false;
    while !moved {
        client.update(Instant::now()).unwrap();
        while let Some(event) = client.next_event(&mut buffer).unwrap() {
            if let ClientEvent::Payload { payload, .. } = event {
                let &[_, _, _, _, 0, x, 0, y_low, y_high] = payload else {
                    panic!("no snapshot of one player in slot 0: {payload:?}");
                };
                // One step to the right and two down in each tick.
                let (x, y) = (i16::from(x), i16::from_le_bytes([y_low, y_high]));
                assert_eq!(y, -2 * x);
                moved |= x > 0;
            }
        }
        assert!(client.state().is_active(), "{}", client.state());
        client.send(&[1, 2_u8.wrapping_neg()]).unwrap();
        client.wait(Duration::from_millis(10)).unwrap();
    }
}

#[test]
fn examples_say_how_they_are_used() {
    for name in ["echo_server", "backend", "echo_client", "game_server"] {
        let output = example(name).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with(&format!("usage: {name} ")), "{text}");
    }
}
