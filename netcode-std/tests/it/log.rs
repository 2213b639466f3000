//! Log lines (feature `tracing`), as a subscriber writes them.

use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use netcode_std::{
    Client, ClientId, ConnectToken, Key, ProtocolId, Server, TokenSpec, UnixTime, UserData,
};
use netcode_std::{generator, mint, unix_time};
use tracing_subscriber::fmt::MakeWriter;

use crate::pair::{PROTOCOL_ID, client_turn, connect, connect_with, key, server, turn, until, v4};

/// Longer than the interval of the lines about refusals.
const LATER: Duration = Duration::from_secs(6);

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Lines of this thread from now on, down to `level`.
    fn capture(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .with_writer(lines.clone())
            .finish();
        (lines, tracing::subscriber::set_default(subscriber))
    }

    /// Lines that were written since the last call.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn spec(client_id: u64, servers: &[SocketAddr]) -> TokenSpec<'_> {
    TokenSpec::new(PROTOCOL_ID, ClientId(client_id), servers, unix_time())
}

fn minted(spec: &TokenSpec<'_>) -> ConnectToken {
    mint(spec, &key(), &mut generator().unwrap()).unwrap()
}

/// First request of a client with this token.
fn request(token: &[u8]) -> Vec<u8> {
    let now = netcode_std::core::Instant::ZERO;
    let mut client = netcode_std::core::client::Client::new();
    client.connect(now, token).unwrap();
    let mut out = [0; 1300];
    let transmit = client.poll_transmit(now, &mut out).unwrap();
    transmit.datagram.to_vec()
}

/// Sends a datagram to the server so many times, from a socket of its own, and has it read.
fn deliver(server: &mut Server, datagram: &[u8], times: u64) {
    let socket = UdpSocket::bind(v4()).unwrap();
    let expected = server.core().stats().datagrams_in + times;
    for _ in 0..times {
        socket
            .send_to(datagram, server.local_addresses()[0])
            .unwrap();
    }
    until("the datagrams", || {
        turn(server);
        server.core().stats().datagrams_in == expected
    });
}

#[test]
fn a_server_logs_its_start_its_stop_and_who_comes_and_goes() {
    let (lines, _guard) = Lines::capture(tracing::Level::INFO);
    let mut server = server(2);
    let bound = server.local_addresses()[0];
    let mut client = Client::bind(&[v4()]).unwrap();
    let address = client.local_addresses()[0];
    connect(&mut server, &mut client, u64::MAX);
    client.send(b"payloads leave no line").unwrap();
    client.disconnect().unwrap();
    until("the end", || !turn(&mut server).events.is_empty());
    client_turn(&mut client);
    let _local = server.join_loopback(ClientId(7), &UserData::ZERO).unwrap();
    turn(&mut server);
    server.stop().unwrap();
    turn(&mut server);
    let id = u64::MAX;
    let expected = [
        format!(
            "INFO netcode_std::server: server started bound=[{bound}] max_clients=2 protocol_id=21845"
        ),
        format!(
            "INFO netcode_std::server: client connected client=0 client_id={id} address={address}"
        ),
        format!(
            "INFO netcode_std::client: client state: connected client=0 server={bound} state=\"connected\""
        ),
        format!(
            "INFO netcode_std::server: client left: the client disconnected client=0 client_id={id} reason=\"by_client\""
        ),
        "INFO netcode_std::client: client state: disconnected state=\"disconnected\"".to_owned(),
        "INFO netcode_std::server: client connected client=0 client_id=7".to_owned(),
        "INFO netcode_std::server: server stopped connects=2".to_owned(),
        "INFO netcode_std::server: client left: the server stopped client=0 client_id=7 reason=\"server_stopped\"".to_owned(),
    ];
    assert_eq!(lines.take(), expected);
}

#[test]
fn every_state_of_a_client_is_a_line_at_debug() {
    let (lines, _guard) = Lines::capture(tracing::Level::DEBUG);
    let mut server = server(1);
    let mut client = Client::bind(&[v4()]).unwrap();
    connect(&mut server, &mut client, 1);
    let states = lines.take().into_iter().filter_map(|line| {
        let (level, state) = line.split_once(" netcode_std::client: client state: ")?;
        let (state, _) = state
            .split_once(" client=")
            .or(state.split_once(" server="))?;
        Some(format!("{level} {state}"))
    });
    let expected = [
        "DEBUG sending connection request",
        "DEBUG sending connection response",
        "INFO connected",
    ];
    assert_eq!(states.collect::<Vec<_>>(), expected);
}

#[test]
fn a_flood_of_requests_under_a_wrong_key_is_one_line() {
    let (lines, _guard) = Lines::capture(tracing::Level::DEBUG);
    let mut server = server(1);
    lines.take();
    let servers = server.local_addresses();
    let other_key = Key::from_bytes([8; 32]);
    let token = mint(&spec(1, &servers), &other_key, &mut generator().unwrap());
    let wrong = request(&token.unwrap());
    assert_eq!(server.next_deadline(), None);
    deliver(&mut server, &wrong, 20);
    assert_eq!(lines.take(), [""; 0]);
    // A server without clients wakes for the line.
    assert!(
        server
            .next_deadline()
            .is_some_and(|due| due > Instant::now())
    );
    server.update(Instant::now() + LATER).unwrap();
    let expected = "WARN netcode_std::server: refused: 20 requests from 127.0.0.1: token does not \
                    open (wrong key?) reason=\"token_unauthentic\" count=20 host=127.0.0.1";
    assert_eq!(lines.take(), [expected]);
    server.update(Instant::now() + 2 * LATER).unwrap();
    assert_eq!(lines.take(), [""; 0]);
}

/// The line about a request that arrives twice.
fn refusal(lines: &Lines, server: &mut Server, token: &[u8]) -> String {
    deliver(server, &request(token), 2);
    server.update(Instant::now() + LATER).unwrap();
    let written = lines.take();
    let [line] = &written[..] else {
        panic!("not one line: {written:?}");
    };
    let line = line.strip_prefix("INFO netcode_std::server: refused: 2 requests from 127.0.0.1: ");
    let line = line.unwrap_or(&written[0]);
    let (text, _) = line.split_once(" count=2 host=127.0.0.1").unwrap();
    text.to_owned()
}

#[test]
fn a_running_server_says_why_clients_do_not_get_in() {
    let mut server = server(1);
    let servers = server.local_addresses();
    let (lines, _guard) = Lines::capture(tracing::Level::INFO);

    let other = TokenSpec::new(ProtocolId(1), ClientId(1), &servers, unix_time());
    assert_eq!(
        refusal(&lines, &mut server, &minted(&other)),
        "another protocol id (another version of the application?) reason=\"protocol_id\""
    );
    let a_minute_ago = UnixTime::from_secs(unix_time().as_secs() - 60);
    let old = TokenSpec::new(PROTOCOL_ID, ClientId(1), &servers, a_minute_ago);
    assert_eq!(
        refusal(&lines, &mut server, &minted(&old)),
        "token has expired (clocks of server and backend?) reason=\"token_expired\""
    );
    let mut client = Client::bind(&[v4()]).unwrap();
    let token = minted(&spec(1, &servers));
    connect_with(&mut server, &mut client, &token);
    lines.take();
    assert_eq!(
        refusal(&lines, &mut server, &minted(&spec(1, &servers))),
        "a client with this id is connected (see reconnect_rule) reason=\"id_connected\""
    );
    assert_eq!(
        refusal(&lines, &mut server, &minted(&spec(2, &servers))),
        "server is full, or closed to new clients reason=\"denied\""
    );
    client.disconnect().unwrap();
    until("the end", || !turn(&mut server).events.is_empty());
    lines.take();
    assert_eq!(
        refusal(&lines, &mut server, &token),
        "token was used; the client needs a new one for each connection \
         reason=\"token_consumed\""
    );
    assert_eq!(
        refusal(&lines, &mut server, &minted(&spec(1, &[v4()]))),
        "WARN netcode_std::server: refused: 2 requests from 127.0.0.1: token names other servers \
         (public address in the configuration?) reason=\"not_our_address\""
    );
}

#[test]
fn datagrams_of_strangers_are_counted_at_debug_alone() {
    let mut server = server(1);
    let (lines, guard) = Lines::capture(tracing::Level::INFO);
    deliver(&mut server, b"neither netcode nor anything else", 3);
    server.update(Instant::now() + LATER).unwrap();
    assert_eq!(lines.take(), [""; 0]);
    drop(guard);

    let (lines, _guard) = Lines::capture(tracing::Level::DEBUG);
    deliver(&mut server, b"", 2);
    deliver(&mut server, b"neither netcode nor anything else", 3);
    server.stop().unwrap();
    let expected = [
        "DEBUG netcode_std::server: refused: 2 datagrams from 127.0.0.1: too short \
         reason=\"too_short\" count=2 host=127.0.0.1",
        "DEBUG netcode_std::server: refused: 3 datagrams from 127.0.0.1: packet type not accepted \
         reason=\"type\" count=3 host=127.0.0.1",
        "INFO netcode_std::server: server stopped connects=0",
    ];
    assert_eq!(lines.take(), expected);
}
