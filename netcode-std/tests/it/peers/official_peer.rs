//! `netcode-official`: the reference's own port.

use std::net::SocketAddr;

use peer_official::{Client, ClientState, Server};

use super::{AnyClient, AnyServer, KEY, PROTOCOL_ID, Seconds, Stands};

pub(crate) struct OfficialClient {
    client: Client,
    time: Seconds,
}

impl OfficialClient {
    pub(crate) fn connect(token: &[u8; 2048]) -> Self {
        // Unspecified and not loopback, so that it can try a second server wherever that is.
        Self::bind("0.0.0.0:0", token)
    }

    pub(crate) fn bind(address: &str, token: &[u8; 2048]) -> Self {
        let mut client = Client::new(address.parse().unwrap(), 0.0).unwrap();
        client.connect(token).unwrap();
        let time = Seconds::begin();
        Self { client, time }
    }
}

impl AnyClient for OfficialClient {
    fn turn(&mut self) -> Vec<Vec<u8>> {
        self.client.update(self.time.now());
        std::iter::from_fn(|| self.client.receive_packet())
            .map(|(payload, _)| payload)
            .collect()
    }

    fn stands(&self) -> Stands {
        match self.client.state() {
            ClientState::Connected => Stands::Connected,
            ClientState::Disconnected => Stands::Disconnected,
            ClientState::ConnectionDenied => Stands::Denied,
            ClientState::ConnectionTimedOut => Stands::TimedOut,
            state if state.is_error() => panic!("{state}"),
            _ => Stands::Connecting,
        }
    }

    fn send(&mut self, payload: &[u8]) {
        self.client.send_packet(payload).unwrap();
    }

    fn disconnect(&mut self) {
        self.client.disconnect();
    }
}

pub(crate) struct OfficialServer {
    server: Server,
    time: Seconds,
}

impl OfficialServer {
    pub(crate) fn start(max_clients: usize) -> Self {
        Self::bind("127.0.0.1:0", max_clients)
    }

    pub(crate) fn bind(address: &str, max_clients: usize) -> Self {
        let mut server = Server::new(address.parse().unwrap(), PROTOCOL_ID, &KEY, 0.0).unwrap();
        server.start(max_clients).unwrap();
        let time = Seconds::begin();
        Self { server, time }
    }

    fn index(&self, id: u64) -> Option<usize> {
        (0..self.server.max_clients()).find(|&index| {
            self.server.client_connected(index) && self.server.client_id(index) == id
        })
    }
}

impl AnyServer for OfficialServer {
    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn turn(&mut self) -> Vec<(u64, Vec<u8>)> {
        self.server.update(self.time.now());
        let mut payloads = Vec::new();
        for index in 0..self.server.max_clients() {
            while let Some((payload, _)) = self.server.receive_packet(index) {
                payloads.push((self.server.client_id(index), payload));
            }
        }
        payloads
    }

    fn is_connected(&self, id: u64) -> bool {
        self.index(id).is_some()
    }

    fn user_data(&self, id: u64) -> Option<[u8; 256]> {
        self.server.client_user_data(self.index(id)?).copied()
    }

    fn send(&mut self, id: u64, payload: &[u8]) {
        let index = self.index(id).unwrap();
        self.server.send_packet(index, payload).unwrap();
    }

    fn disconnect(&mut self, id: u64) {
        let index = self.index(id).unwrap();
        self.server.disconnect_client(index);
    }
}
