//! Our own client and server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_std::core::address::AddressList;
use netcode_std::core::client::{self, ClientState};
use netcode_std::core::crypto::Key;
use netcode_std::core::server::{self, RestartRule, ServerConfig};
use netcode_std::core::{ClientId, ProtocolId};
use netcode_std::{Client, RECEIVE_BUFFER_BYTES, Server};

use super::{AnyClient, AnyServer, KEY, PROTOCOL_ID, Stands};

pub(crate) struct OurClient(pub(crate) Client);

impl OurClient {
    pub(crate) fn connect(token: &[u8]) -> Self {
        let mut client = Client::new().unwrap();
        client.connect(token).unwrap();
        Self(client)
    }
}

impl AnyClient for OurClient {
    fn turn(&mut self) -> Vec<Vec<u8>> {
        self.0.wait(Duration::from_millis(1)).unwrap();
        self.0.update(Instant::now()).unwrap();
        let mut payloads = Vec::new();
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = self.0.next_event(&mut buffer).unwrap() {
            if let client::Event::Payload { payload, .. } = event {
                payloads.push(payload.to_vec());
            }
        }
        payloads
    }

    fn stands(&self) -> Stands {
        match self.0.state() {
            ClientState::Connected => Stands::Connected,
            ClientState::Disconnected => Stands::Disconnected,
            ClientState::ConnectionDenied => Stands::Denied,
            ClientState::ConnectionTimedOut => Stands::TimedOut,
            state if state.is_error() => panic!("{}", state.as_str()),
            _ => Stands::Connecting,
        }
    }

    fn send(&mut self, payload: &[u8]) {
        self.0.send(payload).unwrap();
    }

    fn disconnect(&mut self) {
        self.0.disconnect().unwrap();
    }
}

pub(crate) struct OurServer(pub(crate) Server);

impl OurServer {
    pub(crate) fn start(max_clients: usize) -> Self {
        Self::bind("127.0.0.1:0", max_clients)
    }

    pub(crate) fn bind(address: &str, max_clients: usize) -> Self {
        let config = ServerConfig::new(
            ProtocolId(PROTOCOL_ID),
            Key::from_bytes(KEY),
            AddressList::EMPTY,
            u32::try_from(max_clients).unwrap(),
            RestartRule::AdmitAgain,
        );
        Self(Server::bind(&[address.parse().unwrap()], config).unwrap())
    }
}

impl AnyServer for OurServer {
    fn address(&self) -> SocketAddr {
        self.0.local_addresses()[0]
    }

    fn turn(&mut self) -> Vec<(u64, Vec<u8>)> {
        self.0.wait(Duration::from_millis(1)).unwrap();
        self.0.update(Instant::now()).unwrap();
        let mut payloads = Vec::new();
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = self.0.next_event(&mut buffer).unwrap() {
            if let server::Event::Payload {
                client, payload, ..
            } = event
            {
                let id = self.0.core().client(client).unwrap().client_id.0;
                payloads.push((id, payload.to_vec()));
            }
        }
        payloads
    }

    fn is_connected(&self, id: u64) -> bool {
        self.0.core().find_by_id(ClientId(id)).is_some()
    }

    fn user_data(&self, id: u64) -> Option<[u8; 256]> {
        let client = self
            .0
            .core()
            .client(self.0.core().find_by_id(ClientId(id))?)?;
        Some(client.user_data.0)
    }

    fn send(&mut self, id: u64, payload: &[u8]) {
        let client = self.0.core().find_by_id(ClientId(id)).unwrap();
        self.0.send(client, payload).unwrap();
    }

    fn disconnect(&mut self, id: u64) {
        let client = self.0.core().find_by_id(ClientId(id)).unwrap();
        assert!(self.0.disconnect(client).unwrap());
    }
}
