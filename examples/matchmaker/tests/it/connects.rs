//! Tokens of the service, used: our client and the reference's port, at servers of both.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use matchmaker::store::parse_client_id;
use netcode_std::{
    AddressList, Client, ClientId, RECEIVE_BUFFER_BYTES, RestartRule, Server, ServerConfig,
    ServerEvent,
};
use serde_json::json;

use crate::world::{KEY, PATIENCE, PROTOCOL_ID, World, token};

/// A server with four slots, and a client of it.
trait Played {
    fn address(&self) -> SocketAddr;
    /// Does what is due; the ids of connected clients.
    fn turn(&mut self) -> Vec<u64>;
}

struct Ours {
    server: Server,
    connected: Vec<u64>,
}

impl Ours {
    fn start() -> Self {
        let rule = RestartRule::AdmitAgain;
        let config = ServerConfig::new(PROTOCOL_ID, KEY, AddressList::EMPTY, 4, rule);
        let loopback = "127.0.0.1:0".parse().unwrap();
        Self {
            server: Server::bind(&[loopback], config).unwrap(),
            connected: Vec::new(),
        }
    }
}

impl Played for Ours {
    fn address(&self) -> SocketAddr {
        self.server.local_addresses()[0]
    }

    fn turn(&mut self) -> Vec<u64> {
        self.server.update(Instant::now()).unwrap();
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = self.server.next_event(&mut buffer).unwrap() {
            if let ServerEvent::Connected { client_id, .. } = event {
                self.connected.push(client_id.0);
            }
        }
        self.connected.clone()
    }
}

struct Official {
    server: peer_official::Server,
    began: Instant,
}

impl Official {
    fn start() -> Self {
        let loopback = "127.0.0.1:0".parse().unwrap();
        let mut server =
            peer_official::Server::new(loopback, PROTOCOL_ID.0, KEY.as_bytes(), 0.0).unwrap();
        server.start(4).unwrap();
        Self {
            server,
            began: Instant::now(),
        }
    }
}

impl Played for Official {
    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn turn(&mut self) -> Vec<u64> {
        self.server.update(self.began.elapsed().as_secs_f64());
        let connected = (0..4).filter(|&index| self.server.client_connected(index));
        connected
            .map(|index| self.server.client_id(index))
            .collect()
    }
}

/// Asks for a token as Alice, who is client 7.
async fn ask(world: &World, server: SocketAddr) -> Vec<u8> {
    world.register("eu-1", server, 4).await;
    let response = world.ask(&world.keys.player).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["servers"], json!([server.to_string()]));
    assert_eq!(
        body["bridge"],
        json!({"webtransport": "https://bridge.example:4433"})
    );
    assert_eq!(
        parse_client_id(body["clientId"].as_str().unwrap()),
        Some(ClientId(7))
    );
    token(&body)
}

fn our_client_connects(token: &[u8], server: &mut dyn Played) {
    let mut client = Client::new().unwrap();
    client.connect(token).unwrap();
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let began = Instant::now();
    while !(server.turn() == [7] && client.is_connected()) {
        assert!(client.state().is_active(), "{}", client.state());
        assert!(began.elapsed() < PATIENCE);
        client.update(Instant::now()).unwrap();
        while client.next_event(&mut buffer).unwrap().is_some() {}
        client.wait(Duration::from_millis(1)).unwrap();
    }
}

fn official_client_connects(token: &[u8], server: &mut dyn Played) {
    let unspecified = "0.0.0.0:0".parse().unwrap();
    let mut client = peer_official::Client::new(unspecified, 0.0).unwrap();
    client.connect(token.try_into().unwrap()).unwrap();
    let began = Instant::now();
    while !(server.turn() == [7] && client.state() == peer_official::ClientState::Connected) {
        assert!(!client.state().is_error(), "{}", client.state());
        assert!(began.elapsed() < PATIENCE);
        client.update(began.elapsed().as_secs_f64());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_connects_to_our_server() {
    let (world, mut server) = (World::with_file().await, Ours::start());
    our_client_connects(&ask(&world, server.address()).await, &mut server);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_connects_to_the_official_server() {
    let (world, mut server) = (World::with_file().await, Official::start());
    our_client_connects(&ask(&world, server.address()).await, &mut server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_connects_to_our_server() {
    let (world, mut server) = (World::with_file().await, Ours::start());
    official_client_connects(&ask(&world, server.address()).await, &mut server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_connects_to_the_official_server() {
    let (world, mut server) = (World::with_file().await, Official::start());
    official_client_connects(&ask(&world, server.address()).await, &mut server);
}
