//! Property test: for any bytes, times and order of calls nothing panics, and every datagram is
//! accepted or counted as dropped.

use crate::crafted::Forger;
use crate::network::{EPOCH, Ticket, client_address, config, server_address, storage};
use netcode_core::client::Client;
use netcode_core::packet::{ConnectionRequest, Header, Packet, Role};
use netcode_core::server::Server;
use netcode_core::token::{PrivateToken, PublicToken};
use netcode_core::{ClientIndex, Instant, Sequence, UnixTime};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// One input of a server and a client.
#[derive(Clone, Debug)]
enum Happening {
    /// Arbitrary bytes, to both.
    Noise {
        from: usize,
        bytes: Vec<u8>,
    },
    /// A valid datagram of the session, truncated and with one byte changed.
    Damaged {
        which: usize,
        at: usize,
        xor: u8,
        cut: usize,
    },
    /// An authentic packet that no honest client sends.
    Hostile {
        kind: u8,
        sequence: u64,
    },
    Time {
        at: u64,
        unix: u64,
    },
    Send {
        len: usize,
    },
    Poll {
        room: usize,
    },
    Leave,
    Stop,
    Start,
    Connect,
}

fn happenings() -> impl Strategy<Value = Happening> {
    let len = prop_oneof![0..40_usize, 0..1300_usize, Just(1078), Just(326)];
    prop_oneof![
        4 => (0..3_usize, len.clone(), any::<u8>(), any::<u64>()).prop_map(|(from, len, first, seed)| {
            let mut bytes = vec![0; len];
            Rng::fill_bytes(&mut StdRng::seed_from_u64(seed), &mut bytes);
            if let Some(byte) = bytes.first_mut() {
                *byte = first;
            }
            Happening::Noise { from, bytes }
        }),
        4 => (0..4_usize, 0..1100_usize, any::<u8>(), 0..8_usize)
            .prop_map(|(which, at, xor, cut)| Happening::Damaged { which, at, xor, cut }),
        4 => (0..4_u8, any::<u64>()).prop_map(|(kind, sequence)| Happening::Hostile { kind, sequence }),
        3 => (any::<u64>(), any::<u64>()).prop_map(|(at, unix)| Happening::Time { at, unix }),
        2 => (0..1300_usize).prop_map(|len| Happening::Send { len }),
        3 => (0..1300_usize).prop_map(|room| Happening::Poll { room }),
        1 => Just(Happening::Leave),
        1 => Just(Happening::Stop),
        1 => Just(Happening::Start),
        2 => Just(Happening::Connect),
    ]
}

struct Stage {
    server: Server<'static>,
    client: Client,
    forger: Forger,
    recorded: Vec<Vec<u8>>,
    now: Instant,
}

impl Stage {
    fn new() -> Self {
        let mut server = Server::new(storage(), config(2)).unwrap();
        server
            .start(Instant::ZERO, EPOCH, &mut StdRng::seed_from_u64(1))
            .unwrap();
        let forger = Forger::new(&Ticket::new(1), client_address(1));
        let challenge = forger.ask(&mut server, Instant::ZERO).unwrap();
        let recorded = vec![
            forger.request(),
            forger.response(&challenge, 0),
            forger.payload(1),
            forger.packet(&Packet::Disconnect, 2),
        ];
        let mut client = Client::new();
        client
            .connect(Instant::ZERO, &Ticket::new(2).mint())
            .unwrap();
        Self {
            server,
            client,
            forger,
            recorded,
            now: Instant::ZERO,
        }
    }

    fn deliver(&mut self, from: usize, bytes: &[u8]) {
        let before = self.server.stats().clone();
        let mut datagram = bytes.to_vec();
        let result = self
            .server
            .handle_datagram(self.now, client_address(from), &mut datagram);
        let dropped = u64::from(result.is_err());
        let after = self.server.stats();
        assert_eq!(after.datagrams_in, before.datagrams_in + 1);
        assert_eq!(after.dropped.total(), before.dropped.total() + dropped);
        let before = self.client.dropped().total();
        let mut datagram = bytes.to_vec();
        let result = self
            .client
            .handle_datagram(self.now, server_address(), &mut datagram);
        assert_eq!(
            self.client.dropped().total(),
            before + u64::from(result.is_err())
        );
    }

    fn happen(&mut self, happening: &Happening) {
        let mut out = [0; 1300];
        match happening {
            Happening::Noise { from, bytes } => self.deliver(*from, bytes),
            Happening::Damaged {
                which,
                at,
                xor,
                cut,
            } => {
                let mut bytes = self.recorded[*which].clone();
                let at = at % bytes.len();
                bytes[at] ^= xor;
                bytes.truncate(bytes.len() - cut);
                self.deliver(1, &bytes);
            }
            Happening::Hostile { kind, sequence } => {
                let packet = match kind {
                    0 => Packet::Response {
                        sequence: Sequence(*sequence),
                        token: &[7; 300],
                    },
                    1 => Packet::KeepAlive {
                        client_index: ClientIndex(u32::MAX),
                        max_clients: 0,
                    },
                    2 => Packet::Payload(&[0; 1200]),
                    _ => Packet::Disconnect,
                };
                let datagram = self.forger.packet(&packet, *sequence);
                self.deliver(1, &datagram);
            }
            Happening::Time { at, unix } => {
                self.now = Instant::from_micros(*at);
                self.server
                    .set_unix_time(self.now, UnixTime::from_secs(*unix));
            }
            Happening::Send { len } => {
                let payload = vec![1; *len];
                let _ = self
                    .server
                    .send(self.now, ClientIndex(0), &payload, &mut out);
                let _ = self.client.send(self.now, &payload, &mut out);
            }
            Happening::Poll { room } => {
                // A buffer that is too short must not make a draining shell loop for ever.
                for _ in 0..100 {
                    let _ = self.server.poll_transmit(self.now, &mut out[..*room]);
                    let _ = self.client.poll_transmit(self.now, &mut out[..*room]);
                }
                let _ = (self.server.poll_event(), self.client.poll_event());
                let _ = (self.server.next_deadline(), self.client.next_deadline());
            }
            Happening::Leave => {
                self.server.disconnect(self.now, ClientIndex(0));
                self.client.disconnect(self.now);
            }
            Happening::Stop => self.server.stop(self.now),
            Happening::Start => {
                let _ = self
                    .server
                    .start(self.now, EPOCH, &mut StdRng::seed_from_u64(2));
            }
            Happening::Connect => {
                let _ = self.client.connect(self.now, &Ticket::new(3).mint());
                let _ = self.forger.connect(&mut self.server, self.now);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_panics(happenings in vec(happenings(), 0..60)) {
        let mut stage = Stage::new();
        for happening in &happenings {
            stage.happen(happening);
        }
    }

    #[test]
    fn no_bytes_are_too_strange_for_a_parser(mut bytes in vec(any::<u8>(), 0..2100)) {
        let _ = Header::parse(&bytes, Role::Client);
        let _ = Header::parse(&bytes, Role::Server);
        let _ = PublicToken::parse(&bytes);
        if let Some(private) = bytes.first_chunk::<1024>() {
            let _ = PrivateToken::parse(private);
        }
        let _ = ConnectionRequest::parse(&mut bytes);
    }

    #[test]
    fn no_token_with_changed_bytes_panics(changes in vec((0..2048_usize, any::<u8>()), 1..20)) {
        let mut token = Ticket::new(1).mint();
        for (at, byte) in changes {
            token.as_mut_bytes()[at] = byte;
        }
        let mut client = Client::new();
        let _ = client.connect(Instant::ZERO, &token);
        let mut out = [0; 1300];
        while client.poll_transmit(Instant::ZERO, &mut out).is_some() {}
    }
}
