//! `netcode-rs`.

use std::collections::HashSet;
use std::net::SocketAddr;

use peer_netcode_rs::{Client, ClientIndex, ClientState, NetcodeSocket, Server, ServerConfig};

use super::{AnyClient, AnyServer, KEY, PROTOCOL_ID, Seconds, Stands};

pub(crate) struct NetcodeRsClient {
    pub(crate) client: Client<NetcodeSocket>,
    time: Seconds,
}

impl NetcodeRsClient {
    pub(crate) fn connect(token: &[u8; 2048]) -> Self {
        let mut client = Client::new(token).unwrap();
        client.connect();
        let time = Seconds::begin();
        Self { client, time }
    }
}

impl AnyClient for NetcodeRsClient {
    fn turn(&mut self) -> Vec<Vec<u8>> {
        self.client.update(self.time.now());
        std::iter::from_fn(|| self.client.recv()).collect()
    }

    fn stands(&self) -> Stands {
        match self.client.state() {
            ClientState::Connected => Stands::Connected,
            ClientState::Disconnected => Stands::Disconnected,
            ClientState::ConnectionDenied => Stands::Denied,
            ClientState::ConnectionTimedOut => Stands::TimedOut,
            ClientState::SendingConnectionRequest | ClientState::SendingChallengeResponse => {
                Stands::Connecting
            }
            state => panic!("{state:?}"),
        }
    }

    fn send(&mut self, payload: &[u8]) {
        self.client.send(payload).unwrap();
    }

    fn disconnect(&mut self) {
        self.client.disconnect().unwrap();
    }
}

/// Clients as its callbacks tell of them: it has no other way to list them.
type Present = HashSet<ClientIndex>;

pub(crate) struct NetcodeRsServer {
    server: Server<NetcodeSocket, std::sync::mpsc::Sender<(ClientIndex, bool)>>,
    changes: std::sync::mpsc::Receiver<(ClientIndex, bool)>,
    present: Present,
    time: Seconds,
}

impl NetcodeRsServer {
    pub(crate) fn start() -> Self {
        let (sender, changes) = std::sync::mpsc::channel();
        let config = ServerConfig::with_context(sender)
            .on_connect(|index, changes| changes.send((index, true)).unwrap())
            .on_disconnect(|index, changes| changes.send((index, false)).unwrap());
        let server = Server::with_config("127.0.0.1:0", PROTOCOL_ID, KEY, config).unwrap();
        Self {
            server,
            changes,
            present: Present::new(),
            time: Seconds::begin(),
        }
    }

    fn index(&self, id: u64) -> Option<ClientIndex> {
        let mut present = self.present.iter().copied();
        present.find(|&index| self.server.client_id(index) == Some(id))
    }
}

impl AnyServer for NetcodeRsServer {
    fn address(&self) -> SocketAddr {
        self.server.addr()
    }

    fn turn(&mut self) -> Vec<(u64, Vec<u8>)> {
        self.server.update(self.time.now());
        for (index, connected) in self.changes.try_iter() {
            if connected {
                self.present.insert(index);
            } else {
                self.present.remove(&index);
            }
        }
        let mut payloads = Vec::new();
        while let Some((payload, index)) = self.server.recv() {
            payloads.push((self.server.client_id(index).unwrap(), payload));
        }
        payloads
    }

    fn is_connected(&self, id: u64) -> bool {
        self.index(id).is_some()
    }

    /// It parses user data, but its interface does not return them.
    fn user_data(&self, _id: u64) -> Option<[u8; 256]> {
        None
    }

    fn send(&mut self, id: u64, payload: &[u8]) {
        let index = self.index(id).unwrap();
        self.server.send(payload, index).unwrap();
    }

    fn disconnect(&mut self, id: u64) {
        let index = self.index(id).unwrap();
        self.server.disconnect(index).unwrap();
    }
}
