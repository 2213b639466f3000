//! Three servers behind one trait: ours, the reference's own port, and `renetcode`.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use netcode_core::address::AddressList;
use netcode_core::crypto::Key;
use netcode_core::server::{Capacity, Event, Received, RestartRule, Server, ServerConfig, Storage};
use netcode_core::{ClientId, Instant, ProtocolId, UnixTime};
use rand::SeedableRng;
use rand::rngs::StdRng;
use renetcode::{NetcodeServer, ServerAuthentication, ServerResult};

use crate::forge::{PRIVATE_KEY, PROTOCOL_ID};

/// Slots of each server.
pub const SLOTS: u32 = 2;

/// Server that ours is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Official,
    Renet,
}

/// Actions of a server: datagrams, by the number of their receiver, and payloads, by client id.
#[derive(Debug, Default)]
pub struct Reaction {
    pub sent: Vec<(usize, Vec<u8>)>,
    pub payloads: Vec<(u64, Vec<u8>)>,
}

/// A server. Clients are numbered by their address.
pub trait AnyServer {
    fn deliver(&mut self, from: usize, datagram: &[u8]) -> Reaction;
    /// Time passes: a multiple of 1/64 s, exact in floating point, and less than a second.
    fn pass(&mut self, step: Duration) -> Reaction;
    fn disconnect(&mut self, id: u64) -> Reaction;
    fn connected(&self) -> BTreeSet<u64>;
}

/// Addresses of the clients, in order.
pub type Clients = Vec<SocketAddr>;

fn number_of(clients: &Clients, address: SocketAddr) -> usize {
    let found = clients.iter().position(|it| *it == address);
    found.expect("an answer goes to an address that a datagram came from")
}

pub struct Ours {
    server: Server<'static>,
    clients: Clients,
    now: Instant,
}

impl Ours {
    pub fn start(clients: &Clients, address: SocketAddr, unix: u64) -> Self {
        let addresses = AddressList::new(&[address]).expect("one address");
        let key = Key::from_bytes(PRIVATE_KEY);
        let rule = RestartRule::AdmitAgain;
        let config = ServerConfig::new(ProtocolId(PROTOCOL_ID), key, addresses, SLOTS, rule);
        let storage = Storage::heap(Capacity::for_clients(SLOTS));
        let mut server = Server::new(storage, config).expect("a valid configuration");
        let now = Instant::ZERO;
        let mut rng = StdRng::seed_from_u64(1);
        server
            .start(now, UnixTime::from_secs(unix), &mut rng)
            .expect("it is stopped");
        Self {
            server,
            clients: clients.clone(),
            now,
        }
    }

    fn drain(&mut self, reaction: &mut Reaction) {
        let mut out = [0; 1300];
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut out) {
            let to = number_of(&self.clients, transmit.to);
            reaction.sent.push((to, transmit.datagram.to_vec()));
        }
        while self.server.poll_event().is_some() {}
    }
}

impl AnyServer for Ours {
    fn deliver(&mut self, from: usize, datagram: &[u8]) -> Reaction {
        let mut reaction = Reaction::default();
        let mut bytes = datagram.to_vec();
        let from = self.clients[from];
        match self.server.handle_datagram(self.now, from, &mut bytes) {
            Ok(Received::Event(Event::Payload {
                client, payload, ..
            })) => {
                let info = self.server.client(client).expect("it is connected");
                let payload = bytes[payload].to_vec();
                reaction.payloads.push((info.client_id.0, payload));
            }
            Ok(Received::Reply(reply)) => {
                let to = number_of(&self.clients, reply.to);
                reaction.sent.push((to, reply.datagram.to_vec()));
            }
            _ => {}
        }
        self.drain(&mut reaction);
        reaction
    }

    fn pass(&mut self, step: Duration) -> Reaction {
        self.now = self.now.saturating_add(step);
        let mut reaction = Reaction::default();
        self.drain(&mut reaction);
        reaction
    }

    fn disconnect(&mut self, id: u64) -> Reaction {
        let mut reaction = Reaction::default();
        if let Some(client) = self.server.find_by_id(ClientId(id)) {
            self.server.disconnect(self.now, client);
        }
        self.drain(&mut reaction);
        reaction
    }

    fn connected(&self) -> BTreeSet<u64> {
        self.server.clients().map(|it| it.client_id.0).collect()
    }
}

/// The reference's port has a socket of its own, so its datagrams cross the loopback interface,
/// where they arrive before `send_to` returns.
pub struct Official<'n> {
    server: peer_official::Server,
    sockets: &'n [UdpSocket],
    time: f64,
}

impl<'n> Official<'n> {
    pub fn start(sockets: &'n [UdpSocket]) -> Self {
        let address = ([127, 0, 0, 1], 0).into();
        let server = peer_official::Server::new(address, PROTOCOL_ID, &PRIVATE_KEY, 0.0);
        let mut server = server.expect("a free port");
        server
            .start(SLOTS as usize)
            .expect("a legal number of slots");
        Self {
            server,
            sockets,
            time: 0.0,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `true` for datagrams at which it panics if they are authentic: sealed ones of type 0.
    /// (*Reading Encrypted Packets* has them dropped.)
    fn panics_at(datagram: &[u8]) -> bool {
        let prefix = datagram.first().copied().unwrap_or(0);
        prefix & 0x0f == 0 && prefix != 0
    }

    fn turn(&mut self) -> Reaction {
        self.server.update(self.time);
        let mut reaction = Reaction::default();
        for index in 0..self.server.max_clients() {
            let id = self.server.client_id(index);
            while let Some((payload, _)) = self.server.receive_packet(index) {
                reaction.payloads.push((id, payload));
            }
        }
        self.collect(&mut reaction);
        reaction
    }

    fn collect(&self, reaction: &mut Reaction) {
        let mut buffer = [0; 2048];
        for (number, socket) in self.sockets.iter().enumerate() {
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                if from == self.address() {
                    reaction.sent.push((number, buffer[..len].to_vec()));
                }
            }
        }
    }

    fn index(&self, id: u64) -> Option<usize> {
        (0..self.server.max_clients())
            .find(|it| self.server.client_connected(*it) && self.server.client_id(*it) == id)
    }
}

impl AnyServer for Official<'_> {
    fn deliver(&mut self, from: usize, datagram: &[u8]) -> Reaction {
        if !Self::panics_at(datagram) {
            let sent = self.sockets[from].send_to(datagram, self.address());
            sent.expect("the loopback interface takes it");
        }
        self.turn()
    }

    fn pass(&mut self, step: Duration) -> Reaction {
        self.time += step.as_secs_f64();
        self.turn()
    }

    fn disconnect(&mut self, id: u64) -> Reaction {
        if let Some(index) = self.index(id) {
            self.server.disconnect_client(index);
        }
        let mut reaction = Reaction::default();
        self.collect(&mut reaction);
        reaction
    }

    fn connected(&self) -> BTreeSet<u64> {
        (0..self.server.max_clients())
            .filter(|index| self.server.client_connected(*index))
            .map(|index| self.server.client_id(index))
            .collect()
    }
}

pub struct Renet {
    server: NetcodeServer,
    clients: Clients,
}

impl Renet {
    pub fn start(clients: &Clients, address: SocketAddr, unix: u64) -> Self {
        let server = NetcodeServer::new(renetcode::ServerConfig {
            current_time: Duration::from_secs(unix),
            max_clients: SLOTS as usize,
            protocol_id: PROTOCOL_ID,
            public_addresses: vec![address],
            authentication: ServerAuthentication::Secure {
                private_key: PRIVATE_KEY,
            },
        });
        Self {
            server,
            clients: clients.clone(),
        }
    }

    /// `true` for datagrams at which it panics: more than eight sequence bytes, fewer bytes than a
    /// sequence and a MAC, sequences at the end of their range. (*Reading Encrypted Packets* has
    /// them dropped.)
    fn panics_at(datagram: &[u8]) -> bool {
        let Some(&prefix) = datagram.first() else {
            return false;
        };
        let len = usize::from(prefix >> 4);
        let mut sequence = [0; 8];
        let bytes = datagram.get(1..=len).unwrap_or_default();
        if let Some(front) = sequence.get_mut(..bytes.len()) {
            front.copy_from_slice(bytes);
        }
        let overflows = u64::from_le_bytes(sequence) > u64::MAX - 256;
        len > 8 || datagram.len() < 1 + len + 16 || overflows
    }
}

fn keep(result: ServerResult<'_, '_>, clients: &Clients, reaction: &mut Reaction) {
    match result {
        ServerResult::PacketToSend { addr, payload }
        | ServerResult::ClientConnected { addr, payload, .. }
        | ServerResult::ClientDisconnected {
            addr,
            payload: Some(payload),
            ..
        } => {
            let to = number_of(clients, addr);
            reaction.sent.push((to, payload.to_vec()));
        }
        ServerResult::Payload { client_id, payload } => {
            reaction.payloads.push((client_id, payload.to_vec()));
        }
        ServerResult::None | ServerResult::ClientDisconnected { payload: None, .. } => {}
    }
}

impl AnyServer for Renet {
    fn deliver(&mut self, from: usize, datagram: &[u8]) -> Reaction {
        let mut reaction = Reaction::default();
        if !Self::panics_at(datagram) {
            let mut bytes = datagram.to_vec();
            let result = self.server.process_packet(self.clients[from], &mut bytes);
            keep(result, &self.clients, &mut reaction);
        }
        reaction
    }

    fn pass(&mut self, step: Duration) -> Reaction {
        self.server.update(step);
        let mut reaction = Reaction::default();
        for id in self.server.clients_id() {
            keep(self.server.update_client(id), &self.clients, &mut reaction);
        }
        reaction
    }

    fn disconnect(&mut self, id: u64) -> Reaction {
        let mut reaction = Reaction::default();
        keep(self.server.disconnect(id), &self.clients, &mut reaction);
        reaction
    }

    fn connected(&self) -> BTreeSet<u64> {
        self.server.clients_id().into_iter().collect()
    }
}
