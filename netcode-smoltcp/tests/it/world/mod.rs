//! A server on one network stack and clients on others, and the events of each.

use std::net::SocketAddr;

use netcode_smoltcp::core::address::AddressList;
use netcode_smoltcp::core::client::{self, ClientState};
use netcode_smoltcp::core::crypto::Key;
use netcode_smoltcp::core::server::{self, RestartRule, ServerConfig, StaticStorage};
use netcode_smoltcp::core::token::{ConnectToken, TokenSpec, mint};
use netcode_smoltcp::core::{ClientId, ClientIndex, ProtocolId, Timeout, UnixTime};
use netcode_smoltcp::smoltcp::iface::SocketHandle;
use netcode_smoltcp::smoltcp::phy::Medium;
use netcode_smoltcp::smoltcp::time::{Duration, Instant};
use netcode_smoltcp::smoltcp::wire::IpCidr;
use netcode_smoltcp::{
    BUFFER_BYTES, CLIENT_RX_BYTES, CLIENT_RX_PACKETS, CLIENT_TX_BYTES, CLIENT_TX_PACKETS, Client,
    REPLY_TX_BYTES, REPLY_TX_PACKETS, SESSION_TX_BYTES, SESSION_TX_PACKETS, SendError, Server,
    server_rx_bytes, server_rx_packets, server_sockets,
};
use rand::SeedableRng;

use crate::wire::{Node, SharedWire, Sizes, wire};

pub(crate) const UNIX: UnixTime = UnixTime::from_secs(1_700_000_000);
pub(crate) const SLOTS: usize = 4;
pub(crate) const CLIENT_SIZES: Sizes = Sizes {
    rx: (CLIENT_RX_BYTES, CLIENT_RX_PACKETS),
    tx: (CLIENT_TX_BYTES, CLIENT_TX_PACKETS),
};
pub(crate) const SOCKETS: usize = server_sockets(SLOTS);
pub(crate) const SERVER_SIZES: Sizes = Sizes {
    rx: (server_rx_bytes(SLOTS), server_rx_packets(SLOTS)),
    tx: (REPLY_TX_BYTES, REPLY_TX_PACKETS),
};
pub(crate) const SESSION_SIZES: Sizes = Sizes {
    rx: (0, 0),
    tx: (SESSION_TX_BYTES, SESSION_TX_PACKETS),
};

pub(crate) fn key() -> Key {
    Key::from_bytes([7; 32])
}

pub(crate) fn cidr(text: &str) -> IpCidr {
    text.parse().unwrap()
}

pub(crate) struct TestClient {
    pub(crate) node: Node,
    pub(crate) handle: SocketHandle,
    pub(crate) client: Client,
    pub(crate) states: Vec<ClientState>,
    pub(crate) payloads: Vec<Vec<u8>>,
    /// Without power: it neither receives nor sends.
    pub(crate) dead: bool,
}

/// A server, its clients, and the wire between them.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) wire: SharedWire,
    pub(crate) medium: Medium,
    pub(crate) timeout: i32,
    /// Payload that the server sends to each client at once when it has connected.
    pub(crate) greeting: Option<&'static [u8]>,
    pub(crate) address: SocketAddr,
    pub(crate) node: Node,
    pub(crate) server: Server<'static, SOCKETS>,
    pub(crate) events: Vec<server::Event<()>>,
    pub(crate) payloads: Vec<(ClientIndex, Vec<u8>)>,
    pub(crate) clients: Vec<TestClient>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Medium::Ethernet, "10.0.0.1/8", "10.0.0.1:40000")
    }

    pub(crate) fn with(medium: Medium, network: &str, address: &str) -> Self {
        Self::over(wire(), medium, network, address)
    }

    pub(crate) fn over(wire: SharedWire, medium: Medium, network: &str, address: &str) -> Self {
        let address = address.parse().unwrap();
        let mut node = Node::new(&wire, medium, &[cidr(network)]);
        let sockets: [SocketHandle; SOCKETS] = std::array::from_fn(|socket| match socket {
            0 => node.udp(40000, SERVER_SIZES),
            _ => node.unbound(SESSION_SIZES),
        });
        let storage = Box::leak(Box::new(StaticStorage::<SLOTS, 8, 32>::new()));
        let addresses = AddressList::new(&[address]).unwrap();
        let config = ServerConfig::new(
            ProtocolId(1),
            key(),
            addresses,
            SLOTS.try_into().unwrap(),
            RestartRule::AdmitAgain,
        );
        let mut server = Server::new(sockets, storage.tables(), config).unwrap();
        server
            .start_with_seed(Instant::ZERO, UNIX, [3; 32])
            .unwrap();
        Self {
            now: Instant::ZERO,
            wire,
            medium,
            timeout: 3,
            greeting: None,
            address,
            node,
            server,
            events: vec![],
            payloads: vec![],
            clients: vec![],
        }
    }

    pub(crate) fn token(&self, id: u64, seed: u64) -> ConnectToken {
        self.token_for(&[self.address], id, seed)
    }

    /// A token that lists `servers`.
    pub(crate) fn token_for(&self, servers: &[SocketAddr], id: u64, seed: u64) -> ConnectToken {
        let spec = TokenSpec::new(ProtocolId(1), ClientId(id), servers, UNIX)
            .with_lifetime(std::time::Duration::from_secs(600))
            .with_timeout(Timeout::from_secs(self.timeout));
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        mint(&spec, &key(), &mut rng).unwrap()
    }

    pub(crate) fn join_from(&mut self, addresses: &[IpCidr], sizes: Sizes) -> usize {
        let n = self.clients.len();
        let mut node = Node::new(&self.wire, self.medium, addresses);
        let handle = node.udp(50000, sizes);
        let mut client = Client::new(handle);
        let id = u64::try_from(n).unwrap();
        client.connect(self.now, &self.token(id, id)).unwrap();
        self.clients.push(TestClient {
            node,
            handle,
            client,
            states: vec![],
            payloads: vec![],
            dead: false,
        });
        n
    }

    /// Adds a client that begins to connect.
    pub(crate) fn join(&mut self) -> usize {
        let host = self.clients.len() + 2;
        let network = if self.address.is_ipv4() {
            format!("10.0.0.{host}/8")
        } else {
            format!("fd00::{host}/64")
        };
        self.join_from(&[cidr(&network)], CLIENT_SIZES)
    }

    /// A millisecond passes, and every node has a turn.
    pub(crate) fn step(&mut self) {
        self.now += Duration::from_millis(1);
        self.serve();
        for n in 0..self.clients.len() {
            self.play(n);
        }
    }

    /// The server's turn.
    fn serve(&mut self) {
        let mut buffer = [0; BUFFER_BYTES];
        self.node.ingress(self.now);
        while let Some(event) =
            self.server
                .next_event(self.now, &mut self.node.sockets, &mut buffer)
        {
            if let server::Event::Payload {
                client, payload, ..
            } = event
            {
                self.payloads.push((client, payload.to_vec()));
                continue;
            }
            self.events.push(event.map_payload(|_| ()));
            if let (server::Event::Connected { client, .. }, Some(greeting)) =
                (event, self.greeting)
            {
                let sockets = &mut self.node.sockets;
                self.server
                    .send(self.now, sockets, client, greeting)
                    .unwrap();
            }
        }
        self.node.egress(self.now);
    }

    /// A client's turn, unless it has lost its power.
    fn play(&mut self, n: usize) {
        let mut buffer = [0; BUFFER_BYTES];
        let test_client = &mut self.clients[n];
        if test_client.dead {
            return;
        }
        test_client.node.ingress(self.now);
        let TestClient {
            client,
            node: Node { sockets, .. },
            ..
        } = test_client;
        while let Some(event) = client.next_event(self.now, sockets, &mut buffer) {
            match event {
                client::Event::StateChanged(state) => test_client.states.push(state),
                client::Event::Payload { payload, .. } => {
                    let state = test_client.states.last();
                    assert_eq!(
                        state,
                        Some(&ClientState::Connected),
                        "heard before announced"
                    );
                    test_client.payloads.push(payload.to_vec());
                }
                _ => {}
            }
        }
        test_client.node.egress(self.now);
    }

    pub(crate) fn run(&mut self, millis: u32) {
        for _ in 0..millis {
            self.step();
        }
    }

    pub(crate) fn run_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..60_000 {
            if done(self) {
                return;
            }
            self.step();
        }
        assert!(done(self), "{what}: not within a minute");
    }

    pub(crate) fn connect(&mut self) -> usize {
        let n = self.join();
        self.run_until("connecting", |world| world.clients[n].client.is_connected());
        n
    }

    pub(crate) fn client_sends(&mut self, n: usize, payload: &[u8]) -> Result<bool, SendError> {
        let test_client = &mut self.clients[n];
        test_client
            .client
            .send(self.now, &mut test_client.node.sockets, payload)
    }

    pub(crate) fn server_sends(
        &mut self,
        client: ClientIndex,
        payload: &[u8],
    ) -> Result<bool, SendError> {
        self.server
            .send(self.now, &mut self.node.sockets, client, payload)
    }

    /// Payloads of each size cross in both directions, whole.
    pub(crate) fn exchange(&mut self, n: usize) {
        let index = self.clients[n].client.core().client_index().unwrap();
        for len in [1, 100, 1200] {
            self.client_sends(n, &vec![7; len]).unwrap();
            self.server_sends(index, &vec![9; len]).unwrap();
            self.run(10);
            assert_eq!(self.payloads.pop(), Some((index, vec![7; len])));
            assert_eq!(self.clients[n].payloads.pop(), Some(vec![9; len]));
        }
    }
}
