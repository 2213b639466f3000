//! A server and a client over real sockets, driven together.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_std::core::address::AddressList;
use netcode_std::core::crypto::Key;
use netcode_std::core::server::{RestartRule, ServerConfig, ServerEvent};
use netcode_std::core::token::{TokenSpec, mint};
use netcode_std::core::{ClientId, ClientIndex, ProtocolId, Timeout, UserData};
use netcode_std::{Client, Link, RECEIVE_BUFFER_BYTES, Server, generator, unix_time};

pub(crate) const PROTOCOL_ID: ProtocolId = ProtocolId(0x5555);

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn key() -> Key {
    Key::from_bytes([7; 32])
}

/// A configuration that goes by the bound addresses.
pub(crate) fn config(max_clients: usize) -> ServerConfig {
    ServerConfig::new(
        PROTOCOL_ID,
        key(),
        AddressList::EMPTY,
        max_clients,
        RestartRule::AdmitAgain,
    )
}

/// A server on IPv4 loopback.
pub(crate) fn server(max_clients: usize) -> Server {
    Server::bind(&[v4()], config(max_clients)).unwrap()
}

pub(crate) fn v4() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A token for these servers; `internal` may be empty.
pub(crate) fn token(id: u64, public: &[SocketAddr], internal: &[SocketAddr]) -> [u8; 2048] {
    token_with_timeout(id, public, internal, 5)
}

pub(crate) fn token_with_timeout(
    id: u64,
    public: &[SocketAddr],
    internal: &[SocketAddr],
    timeout: i32,
) -> [u8; 2048] {
    let now = unix_time();
    let spec = TokenSpec {
        protocol_id: PROTOCOL_ID,
        client_id: ClientId(id),
        created: now,
        expires: now.saturating_add_secs(30),
        timeout: Timeout::from_secs(timeout),
        public_addresses: public,
        internal_addresses: internal,
        user_data: &UserData::from_slice(b"who").unwrap(),
    };
    let mut token = [0; 2048];
    mint(&spec, &key(), &mut generator().unwrap(), &mut token).unwrap();
    token
}

/// What one turn of a server brought.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) payloads: Vec<(ClientIndex, Vec<u8>)>,
    pub(crate) events: Vec<ServerEvent>,
}

pub(crate) fn turn<L: Link>(server: &mut Server<L>) -> Turn {
    let mut turn = Turn::default();
    server.update(Instant::now()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(message) = server.receive(&mut buffer).unwrap() {
        turn.payloads
            .push((message.client, message.payload.to_vec()));
    }
    turn.events
        .extend(std::iter::from_fn(|| server.poll_event()));
    turn
}

pub(crate) fn client_turn<L: Link>(client: &mut Client<L>) -> Vec<Vec<u8>> {
    client.update(Instant::now()).unwrap();
    let mut payloads = Vec::new();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(payload) = client.receive(&mut buffer).unwrap() {
        payloads.push(payload.bytes.to_vec());
    }
    payloads
}

/// Repeats `step` until it says that it is done.
pub(crate) fn until(what: &str, mut step: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !step() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
    }
}

/// Lets a new client in with a token of its own; gives what the server was told.
pub(crate) fn connect<L: Link>(server: &mut Server<L>, client: &mut Client, id: u64) -> Turn {
    let token = token(id, &server.local_addresses(), &[]);
    connect_with(server, client, &token)
}

/// Lets a client in with this token.
pub(crate) fn connect_with<L: Link>(
    server: &mut Server<L>,
    client: &mut Client,
    token: &[u8],
) -> Turn {
    client.connect(token).unwrap();
    let mut all = Turn::default();
    until("connecting", || {
        client_turn(client);
        let turn = turn(server);
        all.payloads.extend(turn.payloads);
        all.events.extend(turn.events);
        client.wait(Duration::from_millis(1)).unwrap();
        client.is_connected()
    });
    all
}
