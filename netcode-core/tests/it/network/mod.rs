//! Simulated network of a server and its clients, in virtual time.
//!
//! Time jumps to the next arrival of a datagram or the next deadline. The network loses, duplicates
//! and delays datagrams by a seeded generator, so that every run is the same.

mod ticket;

pub(crate) use ticket::Ticket;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use netcode_core::address::AddressList;
use netcode_core::client::{self, Client, ClientState};
use netcode_core::crypto::Key;
use netcode_core::server::{
    self, Event, RestartRule, Server, ServerConfig, StaticStorage, Storage,
};
use netcode_core::token::ConnectToken;
use netcode_core::{ClientIndex, Dropped, Instant, ProtocolId, UnixTime};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

pub(crate) const PROTOCOL: ProtocolId = ProtocolId(0x1122_3344_5566_7788);
pub(crate) const EPOCH: UnixTime = UnixTime::from_secs(1_700_000_000);

pub(crate) fn key() -> Key {
    Key::from_bytes([7; 32])
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The address of the server under test.
pub(crate) fn server_address() -> SocketAddr {
    address("10.0.0.1:40000")
}

/// The address of client `n`.
pub(crate) fn client_address(n: usize) -> SocketAddr {
    let [high, low] = u16::try_from(n).unwrap().to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 50000))
}

pub(crate) fn config(max_clients: u32) -> ServerConfig {
    let addresses = AddressList::new(&[server_address()]).unwrap();
    let rule = RestartRule::AdmitAgain;
    ServerConfig::new(PROTOCOL, key(), addresses, max_clients, rule)
}

/// Tables for 16 clients, 32 handshakes and 64 tokens.
pub(crate) fn storage() -> Storage<'static> {
    Box::leak(Box::new(StaticStorage::<16, 32, 64>::new())).tables()
}

/// Disturbances of datagrams in transit.
#[derive(Clone, Copy)]
pub(crate) struct Weather {
    pub(crate) loss: f64,
    pub(crate) duplicates: f64,
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
}

pub(crate) const FINE: Weather = Weather {
    loss: 0.0,
    duplicates: 0.0,
    latency: Duration::from_millis(5),
    jitter: Duration::ZERO,
};

pub(crate) const STORM: Weather = Weather {
    loss: 0.2,
    duplicates: 0.1,
    latency: Duration::from_millis(20),
    jitter: Duration::from_millis(60),
};

/// A client, and everything that it reported.
pub(crate) struct TestClient {
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    pub(crate) states: Vec<ClientState>,
    pub(crate) payloads: Vec<Vec<u8>>,
}

impl TestClient {
    fn take_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.take(event.map_payload(|_| unreachable!("payloads come by datagrams")));
        }
    }

    fn take(&mut self, event: client::Event<&[u8]>) {
        match event {
            client::Event::StateChanged(state) => self.states.push(state),
            client::Event::Payload { payload, .. } => self.payloads.push(payload.to_vec()),
            _ => unreachable!("there are two events"),
        }
    }
}

struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// World of a test.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) server: Server<'static>,
    pub(crate) clients: Vec<TestClient>,
    pub(crate) events: Vec<Event>,
    pub(crate) payloads: Vec<(ClientIndex, Vec<u8>)>,
    /// Everything that the server reported, in order.
    pub(crate) reported: Vec<Event<()>>,
    pub(crate) drops: Vec<Dropped>,
    pub(crate) weather: Weather,
    /// All datagrams sent, for tests that replay them.
    pub(crate) tape: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Addresses cut off from the network.
    pub(crate) cut: Vec<SocketAddr>,
    pub(crate) server_at: SocketAddr,
    pub(crate) rng: StdRng,
    flights: BTreeMap<(u64, u64), Flight>,
    flight_number: u64,
    /// Steps since time last advanced.
    steps_in_place: u32,
}

impl World {
    pub(crate) fn new(max_clients: u32) -> Self {
        Self::with(storage(), config(max_clients))
    }

    pub(crate) fn with(storage: Storage<'static>, config: ServerConfig) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let mut server = Server::new(storage, config).unwrap();
        server.start(Instant::ZERO, EPOCH, &mut rng).unwrap();
        Self {
            now: Instant::ZERO,
            server,
            clients: vec![],
            events: vec![],
            payloads: vec![],
            reported: vec![],
            drops: vec![],
            weather: FINE,
            tape: vec![],
            cut: vec![],
            server_at: server_address(),
            rng,
            flights: BTreeMap::new(),
            flight_number: 0,
            steps_in_place: 0,
        }
    }

    /// Adds a client that starts to connect now.
    pub(crate) fn join(&mut self, ticket: &Ticket) -> usize {
        self.join_with(&ticket.mint())
    }

    /// Adds a client that starts to connect now with this token.
    pub(crate) fn join_with(&mut self, token: &ConnectToken) -> usize {
        let n = self.clients.len();
        let mut client = Client::new();
        client.connect(self.now, token).unwrap();
        let address = client_address(n);
        self.clients.push(TestClient {
            client,
            address,
            states: vec![],
            payloads: vec![],
        });
        self.drain();
        n
    }

    /// Adds a client and runs until it is connected.
    pub(crate) fn connect(&mut self, ticket: &Ticket) -> usize {
        let n = self.join(ticket);
        self.run_until(|world| world.state(n) == ClientState::Connected);
        n
    }

    pub(crate) fn state(&self, n: usize) -> ClientState {
        self.clients[n].client.state()
    }

    pub(crate) fn launch(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.tape.push((from, to, bytes.to_vec()));
        if self.cut.contains(&from) || self.cut.contains(&to) {
            return;
        }
        let copies = if self.rng.random_bool(self.weather.duplicates) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.rng.random_bool(self.weather.loss) {
                continue;
            }
            let jitter = u64::try_from(self.weather.jitter.as_micros()).unwrap();
            let delay = u64::try_from(self.weather.latency.as_micros()).unwrap()
                + if jitter > 0 {
                    self.rng.next_u64() % jitter
                } else {
                    0
                };
            self.flight_number += 1;
            let arrival = (self.now.as_micros() + delay, self.flight_number);
            self.flights.insert(
                arrival,
                Flight {
                    from,
                    to,
                    bytes: bytes.to_vec(),
                },
            );
        }
    }

    /// Drains datagrams and events of the server and all clients.
    pub(crate) fn drain(&mut self) {
        let mut out = [0; 2048];
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut out) {
            let (to, bytes) = (transmit.to, transmit.datagram.to_vec());
            self.launch(self.server_at, to, &bytes);
        }
        self.take_events();
        for n in 0..self.clients.len() {
            self.drain_player(n);
        }
    }

    fn drain_player(&mut self, n: usize) {
        let mut out = [0; 2048];
        loop {
            let test_client = &mut self.clients[n];
            let Some(transmit) = test_client.client.poll_transmit(self.now, &mut out) else {
                break;
            };
            let (from, to, bytes) = (test_client.address, transmit.to, transmit.datagram.to_vec());
            self.launch(from, to, &bytes);
        }
        self.clients[n].take_events();
    }

    /// Passes a datagram to the server as if it had just arrived.
    pub(crate) fn deliver_to_server(
        &mut self,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Dropped> {
        let mut bytes = bytes.to_vec();
        match self.server.handle_datagram(self.now, from, &mut bytes) {
            Ok(server::Received::Event(event)) => {
                self.take_event(event.map_payload(|payload| bytes[payload].to_vec()));
            }
            Ok(server::Received::Reply(reply)) => {
                let (to, bytes) = (reply.to, reply.datagram.to_vec());
                self.launch(self.server_at, to, &bytes);
            }
            Ok(server::Received::Handled) => {}
            Err(reason) => {
                self.drops.push(reason);
                return Err(reason);
            }
        }
        self.take_events();
        Ok(())
    }

    fn take_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            self.take_event(event.map_payload(|_| vec![]));
        }
    }

    fn take_event(&mut self, event: Event<Vec<u8>>) {
        self.reported.push(event.clone().map_payload(|_| ()));
        match event {
            Event::Payload {
                client, payload, ..
            } => self.payloads.push((client, payload)),
            event => self.events.push(event.map_payload(|_| 0..0)),
        }
    }

    fn land(&mut self, flight: Flight) {
        if flight.to == self.server_at {
            let _ = self.deliver_to_server(flight.from, &flight.bytes);
            return;
        }
        let Some(test_client) = self.clients.iter_mut().find(|p| p.address == flight.to) else {
            return;
        };
        test_client.take_events();
        let mut bytes = flight.bytes;
        let received = test_client
            .client
            .handle_datagram(self.now, flight.from, &mut bytes);
        if let Ok(client::Received::Event(event)) = received {
            test_client.take(event.map_payload(|place| &bytes[place]));
        }
    }

    /// Time of the next arrival or deadline.
    fn next(&self) -> Option<Instant> {
        let flight = self
            .flights
            .keys()
            .next()
            .map(|(at, _)| Instant::from_micros(*at));
        let clients = self
            .clients
            .iter()
            .filter_map(|test_client| test_client.client.next_deadline());
        clients
            .chain(flight)
            .chain(self.server.next_deadline())
            .min()
    }

    /// Jumps to the next arrival or deadline and processes it. `false` if there is none.
    pub(crate) fn step(&mut self) -> bool {
        let Some(next) = self.next() else {
            return false;
        };
        self.steps_in_place = if next > self.now {
            0
        } else {
            self.steps_in_place + 1
        };
        assert!(
            self.steps_in_place < 100_000,
            "a deadline stays due for ever"
        );
        self.now = self.now.max(next);
        self.happen();
        true
    }

    fn happen(&mut self) {
        while let Some(entry) = self.flights.first_entry() {
            if entry.key().0 > self.now.as_micros() {
                break;
            }
            let flight = entry.remove();
            self.land(flight);
        }
        self.drain();
    }

    pub(crate) fn run_until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let limit = self.now.saturating_add(Duration::from_secs(600));
        while !done(self) {
            assert!(self.step() && self.now < limit, "it never came to pass");
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now.saturating_add(time);
        while self.next().is_some_and(|next| next <= end) {
            self.step();
        }
        self.now = end;
        self.happen();
    }

    pub(crate) fn client_sends(&mut self, n: usize, payload: &[u8]) {
        let mut out = [0; 2048];
        let test_client = &mut self.clients[n];
        let sent = test_client.client.send(self.now, payload, &mut out);
        let transmit = sent.unwrap().unwrap();
        let (from, to, bytes) = (test_client.address, transmit.to, transmit.datagram.to_vec());
        self.launch(from, to, &bytes);
    }

    pub(crate) fn server_sends(&mut self, client: ClientIndex, payload: &[u8]) {
        let mut out = [0; 2048];
        let outgoing = self
            .server
            .send(self.now, client, payload, &mut out)
            .unwrap()
            .unwrap();
        let sent: Vec<_> = outgoing
            .into_iter()
            .map(|t| (t.to, t.datagram.to_vec()))
            .collect();
        for (to, bytes) in sent {
            self.launch(self.server_at, to, &bytes);
        }
    }
}
