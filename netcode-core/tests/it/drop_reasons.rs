//! Drop reasons of a server, each provoked once: the reason is returned, it alone is counted, and
//! nothing else changes.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::client_drop_reasons::a_client_drops_a_payload_before_it_is_connected;
use crate::crafted::{Forger, deliver, sealed};
use crate::network::{EPOCH, PROTOCOL, Ticket, address, client_address, config, key, storage};
use netcode_core::crypto::Key;
use netcode_core::packet::Packet;
use netcode_core::server::{RestartRule, Server, ServerConfig, StaticStorage, Storage};
use netcode_core::{Dropped, Instant, ProtocolId};
use rand::SeedableRng;

/// A started server and its client with id 1.
struct Scene {
    server: Server<'static>,
    inside: Forger,
}

const NOW: Instant = Instant::ZERO;

impl Scene {
    fn new() -> Self {
        Self::with(storage(), config(4))
    }

    fn with(storage: Storage<'static>, config: ServerConfig) -> Self {
        let mut server = Server::new(storage, config).unwrap();
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        server.start(NOW, EPOCH, &mut rng).unwrap();
        let inside = Forger::new(&Ticket::new(1), client_address(1));
        inside.connect(&mut server, NOW).unwrap();
        Self { server, inside }
    }

    /// Delivers a datagram of the connected client that must be dropped for `reason`.
    fn drops(self, reason: Dropped, datagram: &[u8]) {
        let from = self.inside.from;
        self.drops_from(from, reason, datagram);
    }

    fn drops_from(mut self, from: SocketAddr, reason: Dropped, datagram: &[u8]) {
        let server = &mut self.server;
        let before = (
            server.half_open_count(),
            server.token_count(),
            server.connected_count(),
        );
        let counted: Vec<u32> = server
            .stats()
            .dropped
            .iter()
            .map(|(_, count)| count)
            .collect();
        let sent = server.stats().datagrams_out;
        assert_eq!(deliver(server, NOW, from, datagram), Err(reason));
        let after = (
            server.half_open_count(),
            server.token_count(),
            server.connected_count(),
        );
        assert_eq!(before, after);
        assert_eq!(server.stats().datagrams_out, sent, "no reply");
        for ((kind, now), before) in server.stats().dropped.iter().zip(counted) {
            assert_eq!(now, before + u32::from(kind == reason), "{kind:?}");
        }
    }
}

fn outsider() -> SocketAddr {
    client_address(77)
}

fn forger(id: u64) -> Forger {
    Forger::new(&Ticket::new(id), outsider())
}

fn with_lifetime(lifetime: u64) -> Scene {
    let mut config = config(4);
    config.restart_rule = RestartRule::RefuseOlder {
        max_token_lifetime: Duration::from_secs(lifetime),
    };
    let mut server = Server::new(storage(), config).unwrap();
    let mut rng = rand::rngs::StdRng::seed_from_u64(1);
    server.start(NOW, EPOCH, &mut rng).unwrap();
    Scene {
        server,
        inside: forger(1),
    }
}

fn tiny<const HALF_OPEN: usize, const TOKENS: usize>() -> Storage<'static> {
    Box::leak(Box::new(StaticStorage::<4, HALF_OPEN, TOKENS>::new())).tables()
}

/// Provokes a reason on a server.
fn provoke(reason: Dropped) {
    let mut scene = Scene::new();
    match reason {
        Dropped::Inactive => {
            scene.server.stop(NOW);
            let mut out = [0; 1300];
            while scene.server.poll_transmit(NOW, &mut out).is_some() {}
            while scene.server.poll_event().is_some() {}
            scene.drops_from(outsider(), reason, &forger(2).request());
        }
        Dropped::UnknownSender => {
            let datagram = forger(2).payload(0);
            scene.drops_from(outsider(), reason, &datagram);
        }
        Dropped::SessionEnded => {
            let disconnect = scene.inside.packet(&Packet::Disconnect, 5);
            deliver(&mut scene.server, NOW, scene.inside.from, &disconnect).unwrap();
            scene.drops(reason, &disconnect);
        }
        Dropped::TooShort => {
            Scene::new().drops(reason, &[]);
            scene.drops(reason, &[0x15; 17]);
        }
        Dropped::Type => {
            for kind in [1, 2, 7, 8, 15] {
                Scene::new().drops(reason, &[0x10 | kind; 64]);
            }
        }
        Dropped::SequenceLength => {
            for nibble in [0, 9, 10, 15] {
                Scene::new().drops(reason, &[nibble << 4 | 5; 64]);
            }
        }
        Dropped::BodyLength => {
            Scene::new().drops(reason, &[0x14; 18 + 9]);
            Scene::new().drops(reason, &[0x15; 18]);
            Scene::new().drops(reason, &[0x16; 19]);
            scene.drops(reason, &[0x15; 18 + 1201]);
        }
        Dropped::Replayed => {
            let datagram = scene.inside.payload(5);
            deliver(&mut scene.server, NOW, scene.inside.from, &datagram).unwrap();
            scene.drops(reason, &datagram);
        }
        Dropped::Unauthentic => {
            let key = Key::from_bytes([1; 32]);
            let datagram = sealed(&Packet::Payload(b"x"), &key, PROTOCOL, 5);
            scene.drops(reason, &datagram);
        }
        Dropped::State => a_client_drops_a_payload_before_it_is_connected(),
        Dropped::RequestLength => {
            let request = forger(2).request();
            Scene::new().drops(reason, &request[..1077]);
            scene.drops(reason, &[&request[..], &[0]].concat());
        }
        Dropped::Version => {
            let mut request = forger(2).request();
            request[1 + 11] = b'1';
            scene.drops_from(outsider(), reason, &request);
        }
        Dropped::ProtocolId => {
            let other = Forger {
                token: Ticket::new(2).mint_with(ProtocolId(1), &key()),
                from: outsider(),
            };
            scene.drops_from(outsider(), reason, &other.request());
        }
        Dropped::TokenExpired => {
            let ticket = Ticket {
                created: EPOCH.as_secs() - 10,
                lifetime: 10,
                ..Ticket::new(2)
            };
            scene.drops_from(
                outsider(),
                reason,
                &Forger::new(&ticket, outsider()).request(),
            );
        }
        Dropped::TokenLifetime => {
            let ticket = Ticket {
                lifetime: 61,
                ..Ticket::new(2)
            };
            with_lifetime(60).drops_from(
                outsider(),
                reason,
                &Forger::new(&ticket, outsider()).request(),
            );
        }
        Dropped::TokenBeforeStart => {
            let ticket = Ticket {
                lifetime: 60,
                ..Ticket::new(2)
            };
            with_lifetime(60).drops_from(
                outsider(),
                reason,
                &Forger::new(&ticket, outsider()).request(),
            );
        }
        Dropped::AddressConnected => {
            let datagram = forger(2).request();
            Scene::new().drops(reason, &datagram);
            let challenge = crate::crafted::Challenge {
                sequence: netcode_core::Sequence(0),
                token: [0; 300],
            };
            let response = scene.inside.response(&challenge, 9);
            scene.drops(reason, &response);
        }
        Dropped::TokenConsumed => {
            let request = scene.inside.request();
            scene.drops_from(outsider(), reason, &request);
        }
        Dropped::TokenElsewhere => {
            let forger = forger(2);
            forger.ask(&mut scene.server, NOW).unwrap();
            scene.drops_from(client_address(78), reason, &forger.request());
        }
        Dropped::TokenUnauthentic => {
            let other = Key::from_bytes([1; 32]);
            let forger = Forger {
                token: Ticket::new(2).mint_with(PROTOCOL, &other),
                from: outsider(),
            };
            scene.drops_from(outsider(), reason, &forger.request());
        }
        Dropped::TokenMalformed => {
            for count in [0, 33, 255] {
                // The number of addresses follows client id and timeout.
                let request = forger(2).request_changed_inside(|private| private[12] = count);
                Scene::new().drops_from(outsider(), reason, &request);
            }
            let request = forger(2).request_changed_inside(|private| private[16] = 3);
            scene.drops_from(outsider(), reason, &request);
        }
        Dropped::NotOurAddress => {
            let ticket = Ticket {
                servers: vec![address("10.0.0.9:40000")],
                ..Ticket::new(2)
            };
            scene.drops_from(
                outsider(),
                reason,
                &Forger::new(&ticket, outsider()).request(),
            );
        }
        Dropped::IdConnected => {
            let ticket = Ticket {
                seed: 2,
                ..Ticket::new(1)
            };
            scene.drops_from(
                outsider(),
                reason,
                &Forger::new(&ticket, outsider()).request(),
            );
        }
        Dropped::HistoryFull => {
            let scene = Scene::with(tiny::<8, 1>(), config(4));
            scene.drops_from(outsider(), reason, &forger(2).request());
        }
        Dropped::HalfOpenFull => the_half_open_table_is_bounded(),
        Dropped::ChallengeUnauthentic => {
            let forger = forger(2);
            let mut challenge = forger.ask(&mut scene.server, NOW).unwrap();
            challenge.token[0] ^= 1;
            scene.drops_from(outsider(), reason, &forger.response(&challenge, 0));
        }
        Dropped::ChallengeMismatch => {
            let victim = Forger::new(&Ticket::new(3), client_address(3));
            let challenge = victim.ask(&mut scene.server, NOW).unwrap();
            let forger = forger(2);
            forger.ask(&mut scene.server, NOW).unwrap();
            scene.drops_from(outsider(), reason, &forger.response(&challenge, 0));
        }
        Dropped::HostLimit => {
            // One host may hold eight of the 32 entries.
            for port in 0..8 {
                let ticket = Ticket::new(100 + u64::from(port));
                let from = SocketAddr::new(outsider().ip(), 1000 + port);
                Forger::new(&ticket, from)
                    .ask(&mut scene.server, NOW)
                    .unwrap();
            }
            scene.drops_from(outsider(), reason, &forger(2).request());
        }
        Dropped::IdLimit => {
            for n in 0..8 {
                let ticket = Ticket {
                    seed: 100 + n,
                    ..Ticket::new(2)
                };
                let from = client_address(100 + usize::try_from(n).unwrap());
                Forger::new(&ticket, from)
                    .ask(&mut scene.server, NOW)
                    .unwrap();
            }
            scene.drops_from(outsider(), reason, &forger(2).request());
        }
        Dropped::OverBudget => {
            let mut strict = config(4);
            strict.opens_per_second = NonZeroU32::new(3);
            let scene = Scene::with(storage(), strict);
            scene.drops_from(outsider(), reason, &forger(2).request());
        }
        Dropped::SlotDraining => {
            let mut scene = Scene::with(tiny::<8, 16>(), config(1));
            scene.server.disconnect_all(NOW);
            let forger = forger(2);
            let challenge = forger.ask(&mut scene.server, NOW).unwrap();
            scene.drops_from(outsider(), reason, &forger.response(&challenge, 0));
        }
        other => panic!("{other:?} has no test: write one"),
    }
}

#[test]
fn every_reason_is_returned_and_counted_and_changes_nothing_else() {
    for &reason in Dropped::ALL {
        provoke(reason);
    }
}

fn the_half_open_table_is_bounded() {
    let mut scene = Scene::with(tiny::<1, 16>(), config(4));
    forger(2).ask(&mut scene.server, NOW).unwrap();
    let late = Forger::new(&Ticket::new(3), client_address(3));
    assert_eq!(
        late.ask(&mut scene.server, NOW).unwrap_err(),
        Dropped::HalfOpenFull
    );
    assert_eq!(scene.server.half_open_count(), 1);
    assert_eq!(scene.server.stats().dropped.get(Dropped::HalfOpenFull), 1);
}
