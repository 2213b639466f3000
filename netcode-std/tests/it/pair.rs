//! A server and a client over real sockets, driven together.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_std::core::address::AddressList;
use netcode_std::core::client;
use netcode_std::core::crypto::{Crypto, Key};
use netcode_std::core::server::{Event, RestartRule, ServerConfig};
use netcode_std::core::token::{ConnectToken, TokenSpec, mint};
use netcode_std::core::{ClientId, ClientIndex, ProtocolId, Timeout, UserData};
use netcode_std::{Client, Link, RECEIVE_BUFFER_BYTES, Server, generator, unix_time};

pub(crate) const PROTOCOL_ID: ProtocolId = ProtocolId(0x5555);

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn key() -> Key {
    Key::from_bytes([7; 32])
}

/// A configuration that goes by the bound addresses.
pub(crate) fn config(max_clients: u32) -> ServerConfig {
    ServerConfig::new(
        PROTOCOL_ID,
        key(),
        AddressList::EMPTY,
        max_clients,
        RestartRule::AdmitAgain,
    )
}

/// A server on IPv4 loopback.
pub(crate) fn server(max_clients: u32) -> Server {
    Server::bind(&[v4()], config(max_clients)).unwrap()
}

pub(crate) fn v4() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A token for these servers; `internal` may be empty.
pub(crate) fn token(id: u64, public: &[SocketAddr], internal: &[SocketAddr]) -> ConnectToken {
    token_with_timeout(id, public, internal, 5)
}

pub(crate) fn token_with_timeout(
    id: u64,
    public: &[SocketAddr],
    internal: &[SocketAddr],
    timeout: i32,
) -> ConnectToken {
    let user_data = UserData::from_slice(b"who").unwrap();
    let spec = spec(id, public)
        .with_timeout(Timeout::from_secs(timeout))
        .with_internal_addresses(internal)
        .with_user_data(&user_data);
    mint(&spec, &key(), &mut generator().unwrap()).unwrap()
}

/// A token under another private key.
pub(crate) fn token_under(key: &Key, id: u64, public: &[SocketAddr]) -> ConnectToken {
    mint(&spec(id, public), key, &mut generator().unwrap()).unwrap()
}

fn spec(id: u64, public: &[SocketAddr]) -> TokenSpec<'_> {
    TokenSpec::new(PROTOCOL_ID, ClientId(id), public, unix_time())
        .with_lifetime(Duration::from_secs(30))
        .with_timeout(Timeout::from_secs(5))
}

/// Events of one turn of a server, payloads apart.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) payloads: Vec<(ClientIndex, Vec<u8>)>,
    pub(crate) events: Vec<Event<()>>,
}

pub(crate) fn turn<L: Link, C: Crypto>(server: &mut Server<L, C>) -> Turn {
    let mut turn = Turn::default();
    server.update(Instant::now()).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(event) = server.next_event(&mut buffer).unwrap() {
        match event {
            Event::Payload {
                client, payload, ..
            } => turn.payloads.push((client, payload.to_vec())),
            event => turn.events.push(event.map_payload(|_| ())),
        }
    }
    turn
}

/// Payloads of one turn of a client.
pub(crate) fn client_turn<L: Link>(client: &mut Client<L>) -> Vec<Vec<u8>> {
    client.update(Instant::now()).unwrap();
    let mut payloads = Vec::new();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(event) = client.next_event(&mut buffer).unwrap() {
        if let client::Event::Payload { payload, .. } = event {
            payloads.push(payload.to_vec());
        }
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
pub(crate) fn connect_with<L: Link, C: Crypto>(
    server: &mut Server<L, C>,
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
