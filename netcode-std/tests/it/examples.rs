//! The crate's examples, run as a reader would run them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use netcode_std::{
    Client, ClientEvent, ClientId, ClientState, Key, ProtocolId, RECEIVE_BUFFER_BYTES, TokenSpec,
    generator, mint, unix_time,
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
    /// Starts it; it prints the address that it has bound.
    fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, Stdio::null())
    }

    fn start_with(name: &str, arguments: &[&str], input: Stdio) -> Self {
        let mut process = example(name)
            .args(arguments)
            .stdin(input)
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
    let mut server = Service::start("echo_server", &["127.0.0.1:0"]);
    let mut backend = Service::start("backend", &["127.0.0.1:0", &server.address.to_string()]);
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

/// A client with a token for a server, and the payloads that it gets.
struct Player {
    client: Client,
    buffer: [u8; RECEIVE_BUFFER_BYTES],
}

impl Player {
    fn of(server: &Service, id: u64) -> Self {
        let addresses = [server.address];
        let spec = TokenSpec::new(ProtocolId(42), ClientId(id), &addresses, unix_time());
        let key = Key::from_hex(KEY).unwrap();
        let token = mint(&spec, &key, &mut generator().unwrap()).unwrap();
        let mut client = Client::new().unwrap();
        client.connect(&token).unwrap();
        let buffer = [0; RECEIVE_BUFFER_BYTES];
        Self { client, buffer }
    }

    /// The next payload; `None` after the end of the session.
    fn payload(&mut self) -> Option<Vec<u8>> {
        loop {
            // Payloads of an earlier turn may be left.
            if let Some(event) = self.client.next_event(&mut self.buffer).unwrap() {
                if let ClientEvent::Payload { payload, .. } = event {
                    return Some(payload.to_vec());
                }
                continue;
            }
            if !self.client.state().is_active() {
                return None;
            }
            self.client.wait(Duration::from_millis(10)).unwrap();
            self.client.update(Instant::now()).unwrap();
        }
    }

    /// The next snapshot: number of its tick, and position of the only player. `None` after the
    /// end of the session.
    fn snapshot(&mut self) -> Option<(u32, i16, i16)> {
        let payload = self.payload()?;
        let &[a, b, c, d, 0, x, x_high, y, y_high] = &payload[..] else {
            panic!("no snapshot of one player in slot 0: {payload:?}");
        };
        let position = [[x, x_high], [y, y_high]].map(i16::from_le_bytes);
        Some((u32::from_le_bytes([a, b, c, d]), position[0], position[1]))
    }

    /// The next payload as text.
    #[cfg(feature = "tokio")]
    fn text(&mut self) -> Option<String> {
        let payload = self.payload()?;
        Some(String::from_utf8(payload).unwrap())
    }

    fn input(&mut self, x: i8, y: i8, seen: u32) {
        let [a, b, c, d] = seen.to_le_bytes();
        let input = [x.cast_unsigned(), y.cast_unsigned(), a, b, c, d];
        self.client.send(&input).unwrap();
    }
}

#[test]
fn the_game_server_moves_a_player_by_its_input_and_sends_snapshots() {
    let server = Service::start("game_server", &["127.0.0.1:0"]);
    until_tokens_are_younger_than_the_server();
    let mut player = Player::of(&server, 7);
    let mut moved = false;
    while !moved {
        let (tick, x, y) = player.snapshot().unwrap();
        // One step to the right and two down in each tick.
        assert_eq!(y, -2 * x);
        moved = x > 0;
        player.input(1, -2, tick);
    }
}

/// Slot and x of each player in a snapshot.
fn players(snapshot: &[u8]) -> Vec<(u8, i16)> {
    let players = snapshot[4..].chunks(5);
    players
        .map(|it| (it[0], i16::from_le_bytes([it[1], it[2]])))
        .collect()
}

#[test]
fn the_game_server_keeps_the_data_of_each_client_apart_and_forgets_it_with_the_client() {
    let server = Service::start("game_server", &["127.0.0.1:0"]);
    until_tokens_are_younger_than_the_server();
    let (mut ann, mut ben) = (Player::of(&server, 1), Player::of(&server, 2));
    assert!(ann.payload().is_some());
    let mut both = vec![];
    while !matches!(both[..], [(0, 1..), (1, i16::MIN..=-1)]) {
        both = players(&ben.payload().unwrap());
        ben.input(-1, 0, 0);
        ann.input(1, 0, 0);
    }
    ann.client.disconnect().unwrap();
    while players(&ben.payload().unwrap()).len() == 2 {}
    // The slot has another client, which begins anew.
    let mut eve = Player::of(&server, 3);
    let seen = players(&eve.payload().unwrap());
    assert!(matches!(seen[..], [(0, 0), (1, _)]), "{seen:?}");
}

#[test]
fn the_game_server_sends_a_part_of_the_snapshots_to_a_client_that_receives_none() {
    let server = Service::start("game_server", &["127.0.0.1:0"]);
    until_tokens_are_younger_than_the_server();
    let mut player = Player::of(&server, 7);
    let (first, ..) = player.snapshot().unwrap();
    let behind = |tick: u32| tick > first + 20;
    let mut ticks = std::iter::from_fn(|| player.snapshot()).map(|(tick, ..)| tick);
    let part: Vec<_> = ticks
        .by_ref()
        .filter(|&tick| behind(tick))
        .take(3)
        .collect();
    assert!(part.iter().all(|tick| tick.is_multiple_of(10)), "{part:?}");
    // It gets all of them as soon as it says what it has received.
    let mut seen = part[2];
    loop {
        player.input(0, 0, seen);
        let (tick, ..) = player.snapshot().unwrap();
        if !tick.is_multiple_of(10) {
            break;
        }
        seen = tick;
    }
}

#[test]
fn the_game_server_disconnects_a_client_without_inputs() {
    let server = Service::start("game_server", &["127.0.0.1:0", "1"]);
    until_tokens_are_younger_than_the_server();
    let mut player = Player::of(&server, 7);
    let snapshots = std::iter::from_fn(|| player.snapshot()).count();
    assert!(snapshots > 0);
    assert_eq!(player.client.state(), ClientState::Disconnected);
}

#[cfg(feature = "tokio")]
#[test]
fn the_chat_server_sends_lines_of_its_input_and_what_clients_say() {
    let mut server = Service::start_with("chat_server", &["127.0.0.1:0"], Stdio::piped());
    until_tokens_are_younger_than_the_server();
    let mut input = server.process.stdin.take().unwrap();
    let mut ann = Player::of(&server, 1);
    assert_eq!(ann.text(), Some("1 joined".to_owned()));
    let mut ben = Player::of(&server, 2);
    assert_eq!(ben.text(), Some("2 joined".to_owned()));
    assert_eq!(ann.text(), Some("2 joined".to_owned()));
    writeln!(input, "Welcome").unwrap();
    assert_eq!(ann.text(), Some("Welcome".to_owned()));
    assert_eq!(ben.text(), Some("Welcome".to_owned()));
    ben.client.send(b"hello").unwrap();
    assert_eq!(ann.text(), Some("hello".to_owned()));
    drop(input);
    assert_eq!(ann.text(), None);
    assert!(server.process.wait().unwrap().success());
}

#[test]
fn examples_say_how_they_are_used() {
    for name in [
        "echo_server",
        "backend",
        "echo_client",
        "game_server",
        "channels",
        #[cfg(feature = "tokio")]
        "chat_server",
    ] {
        let output = example(name).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with(&format!("usage: {name} ")), "{text}");
    }
}

#[test]
fn messages_of_every_length_come_back_in_order_though_a_tenth_of_the_datagrams_is_lost() {
    let server = Service::start("channels", &["server", "127.0.0.1:0"]);
    until_tokens_are_younger_than_the_server();
    let addresses = [server.address];
    let spec = TokenSpec::new(ProtocolId(42), ClientId(7), &addresses, unix_time());
    let key = Key::from_hex(KEY).unwrap();
    let token = mint(&spec, &key, &mut generator().unwrap()).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&token).unwrap();

    let mut client = example("channels");
    client.arg("client").arg(file.path()).arg("10");
    let output = client.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        text.starts_with("60 messages came back in order; "),
        "{text}"
    );
    assert!(!text.contains("; 0 datagrams"), "{text}");
}
