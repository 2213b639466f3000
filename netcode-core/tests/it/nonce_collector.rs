//! Nonce reuse: every (key, nonce) pair used for sealing, collected over reconnects, stops,
//! restarts and two servers of one token. None seals two plaintexts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::network::{EPOCH, Ticket, address, client_address, config};
use netcode_core::address::AddressList;
use netcode_core::client::{Client, ClientState};
use netcode_core::crypto::{Crypto, Key, RustCrypto, Unauthentic};
use netcode_core::server::{Received, RestartRule, Server, StaticStorage};
use netcode_core::token::ConnectToken;
use netcode_core::{ClientIndex, Instant};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Plaintext by key and nonce.
type Seen = HashMap<([u8; 32], [u8; 12]), (Vec<u8>, Vec<u8>)>;

/// Crypto that seals as usual, and fails the test if a pair seals a second plaintext.
#[derive(Clone, Default)]
struct Collector(Rc<RefCell<Seen>>);

impl Crypto for Collector {
    fn seal(&self, key: &Key, nonce: &[u8; 12], data: &[u8], body_and_tag: &mut [u8]) {
        let plain = body_and_tag[..body_and_tag.len() - 16].to_vec();
        let sealed = (plain, data.to_vec());
        let before = self
            .0
            .borrow_mut()
            .insert((*key.as_bytes(), *nonce), sealed.clone());
        assert!(
            before.is_none_or(|before| before == sealed),
            "{nonce:?} seals twice"
        );
        RustCrypto.seal(key, nonce, data, body_and_tag);
    }

    fn open(
        &self,
        key: &Key,
        nonce: &[u8; 12],
        data: &[u8],
        body_and_tag: &mut [u8],
    ) -> Result<(), Unauthentic> {
        RustCrypto.open(key, nonce, data, body_and_tag)
    }
}

/// Two servers that share the backend's key, one client, and the network between them.
struct Fleet {
    crypto: Collector,
    now: Instant,
    servers: Vec<(SocketAddr, Server<'static, Collector>)>,
    starts: u64,
    /// Servers whose datagrams to the client are lost.
    unheard: Vec<SocketAddr>,
}

impl Fleet {
    fn new() -> Self {
        let mut fleet = Self {
            crypto: Collector::default(),
            now: Instant::ZERO,
            servers: vec![],
            starts: 0,
            unheard: vec![],
        };
        for at in [address("10.0.0.1:40000"), address("10.0.0.2:40000")] {
            let server = fleet.server(at, RestartRule::AdmitAgain);
            fleet.servers.push((at, server));
        }
        fleet
    }

    fn server(&mut self, at: SocketAddr, rule: RestartRule) -> Server<'static, Collector> {
        let tables = Box::leak(Box::new(StaticStorage::<4, 8, 64>::new())).tables();
        let mut config = config(4);
        config.addresses = AddressList::new(&[at]).unwrap();
        config.restart_rule = rule;
        let mut server = Server::with_crypto(tables, config, self.crypto.clone()).unwrap();
        server.start(self.now, EPOCH, &mut self.rng()).unwrap();
        server
    }

    /// A new generator for every start, as hardware provides it.
    fn rng(&mut self) -> StdRng {
        self.starts += 1;
        StdRng::seed_from_u64(self.starts)
    }

    fn client(&self) -> Client<Collector> {
        Client::with_crypto(self.crypto.clone())
    }

    /// Advances time in steps of 100 ms, in which client and servers exchange all datagrams.
    fn run(&mut self, client: &mut Client<Collector>, tenths: u32) {
        let mut out = [0; 1300];
        for _ in 0..tenths {
            self.now = self.now.saturating_add(Duration::from_millis(100));
            while let Some(transmit) = client.poll_transmit(self.now, &mut out) {
                let (to, datagram) = (transmit.to, transmit.datagram.to_vec());
                self.deliver(client, to, datagram);
            }
            if client.state() == ClientState::Connected {
                let transmit = client.send(self.now, b"up", &mut out).unwrap().unwrap();
                let (to, datagram) = (transmit.to, transmit.datagram.to_vec());
                self.deliver(client, to, datagram);
            }
            for (at, server) in &mut self.servers {
                let mut down = vec![];
                if server.client(ClientIndex(0)).is_some() {
                    let sent = server.send(self.now, ClientIndex(0), &[0, 1], &mut out);
                    let sent = sent.unwrap().into_iter().flatten();
                    down.extend(sent.map(|transmit| transmit.datagram.to_vec()));
                }
                while let Some(transmit) = server.poll_transmit(self.now, &mut out) {
                    down.push(transmit.datagram.to_vec());
                }
                while server.poll_event().is_some() {}
                if !self.unheard.contains(at) {
                    for mut datagram in down {
                        let _ = client.handle_datagram(self.now, *at, &mut datagram);
                    }
                }
            }
        }
    }

    fn deliver(&mut self, client: &mut Client<Collector>, to: SocketAddr, mut datagram: Vec<u8>) {
        let Some((at, server)) = self.servers.iter_mut().find(|(at, _)| *at == to) else {
            return;
        };
        let received = server.handle_datagram(self.now, client_address(1), &mut datagram);
        if let Ok(Received::Reply(reply)) = received {
            let keep_alive = reply.datagram.len() < 100;
            if !(keep_alive && self.unheard.contains(at)) {
                let mut reply = reply.datagram.to_vec();
                let _ = client.handle_datagram(self.now, to, &mut reply);
            }
        }
    }

    fn ticket(&self, id: u64, servers: usize) -> ConnectToken {
        let ticket = Ticket {
            servers: self.servers[..servers].iter().map(|(at, _)| *at).collect(),
            lifetime: 600,
            timeout: 2,
            seed: id,
            ..Ticket::new(1)
        };
        ticket.mint()
    }
}

#[test]
fn no_pair_of_key_and_nonce_seals_twice_over_reconnects_restarts_and_two_servers() {
    let mut fleet = Fleet::new();
    let mut client = fleet.client();
    // Reconnects, with new tokens and with one whose attempt failed.
    for id in 1..=3 {
        let token = fleet.ticket(id, 1);
        client.connect(fleet.now, &token).unwrap();
        client.skip_server(fleet.now);
        client.connect(fleet.now, &token).unwrap();
        fleet.run(&mut client, 30);
        assert_eq!(client.state(), ClientState::Connected);
        client.disconnect(fleet.now);
        fleet.run(&mut client, 2);
    }
    // Two servers: the first accepts the client but its packets are lost, the second is received.
    for id in 4..=6 {
        let first = fleet.servers[0].0;
        fleet.unheard = vec![first];
        let token = fleet.ticket(id, 2);
        client.connect(fleet.now, &token).unwrap();
        fleet.run(&mut client, 40);
        assert_eq!(client.server_address(), Some(fleet.servers[1].0));
        assert_eq!(client.state(), ClientState::Connected);
        fleet.unheard.clear();
        client.disconnect(fleet.now);
        fleet.run(&mut client, 40);
    }
    // A stop and a start: the history is kept, so the token establishes no second session.
    let token = fleet.ticket(7, 1);
    client.connect(fleet.now, &token).unwrap();
    fleet.run(&mut client, 10);
    let now = fleet.now;
    fleet.servers[0].1.stop(now);
    fleet.run(&mut client, 10);
    let mut rng = fleet.rng();
    fleet.servers[0].1.start(now, EPOCH, &mut rng).unwrap();
    let mut rebooted = fleet.client();
    rebooted.connect(fleet.now, &token).unwrap();
    fleet.run(&mut rebooted, 10);
    assert_ne!(rebooted.state(), ClientState::Connected);
    // A restart with an empty history, under the restart rule.
    let at = fleet.servers[0].0;
    let rule = RestartRule::RefuseOlder {
        max_token_lifetime: Duration::from_secs(600),
    };
    fleet.servers[0].1 = fleet.server(at, rule);
    let mut rebooted = fleet.client();
    rebooted.connect(fleet.now, &token).unwrap();
    fleet.run(&mut rebooted, 10);
    assert_ne!(rebooted.state(), ClientState::Connected);

    assert!(fleet.crypto.0.borrow().len() > 500);
}

#[test]
#[should_panic(expected = "seals twice")]
fn the_collector_detects_the_reuse_that_the_restart_rule_prevents() {
    let mut fleet = Fleet::new();
    let token = fleet.ticket(1, 1);
    for restart in [false, true] {
        if restart {
            let at = fleet.servers[0].0;
            fleet.servers[0].1 = fleet.server(at, RestartRule::AdmitAgain);
        }
        let mut client = fleet.client();
        client.connect(fleet.now, &token).unwrap();
        fleet.run(&mut client, if restart { 20 } else { 7 });
    }
}
