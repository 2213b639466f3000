//! A server and a client that are driven by bytes: datagrams, damaged datagrams of a real
//! session, times, calls in any order.
#![no_main]

use std::net::SocketAddr;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use netcode_core::address::AddressList;
use netcode_core::client::Client;
use netcode_core::crypto::Key;
use netcode_core::server::{Received, RestartRule, Server, ServerConfig, StaticStorage};
use netcode_core::token::{TokenSpec, mint};
use netcode_core::{ClientId, ClientIndex, Instant, ProtocolId, UnixTime};
use rand::SeedableRng;
use rand::rngs::StdRng;

#[derive(Arbitrary, Debug)]
enum Step<'b> {
    ToServer {
        port: u8,
        datagram: &'b [u8],
    },
    ToClient {
        datagram: &'b [u8],
    },
    /// Carries what the client owes, with one byte changed, and what comes back.
    Carry {
        at: u16,
        xor: u8,
    },
    Time {
        micros: u64,
    },
    Date {
        seconds: u64,
    },
    ServerSends {
        slot: u8,
        payload: &'b [u8],
    },
    ClientSends {
        payload: &'b [u8],
    },
    ServerDisconnects {
        slot: u8,
    },
    ClientDisconnects,
    Stop,
    Start,
    Events,
}

const UNIX: UnixTime = UnixTime::from_secs(1_700_000_000);

fn address(port: u8) -> SocketAddr {
    ([10, 0, 0, 1], 1000 + u16::from(port)).into()
}

fuzz_target!(|steps: Vec<Step<'_>>| {
    let mut rng = StdRng::seed_from_u64(1);
    let key = Key::from_bytes([7; 32]);
    let here = address(0);
    let config = ServerConfig::new(
        ProtocolId(1),
        key.clone(),
        AddressList::new(&[here]).unwrap(),
        2,
        RestartRule::AdmitAgain,
    );
    let mut storage = StaticStorage::<2, 2, 3>::new();
    let mut server = Server::new(storage.tables(), config).unwrap();
    server.start(Instant::ZERO, UNIX, &mut rng).unwrap();
    let mut client = Client::new();
    let mut now = Instant::ZERO;
    let servers = [here];
    let spec = TokenSpec::new(ProtocolId(1), ClientId(1), &servers, UNIX);
    let token = mint(&spec, &key, &mut rng).unwrap();
    client.connect(now, &token).unwrap();

    let mut out = [0; 1300];
    for step in steps {
        match step {
            Step::ToServer { port, datagram } => {
                let _ = server.handle_datagram(now, address(port), &mut datagram.to_vec());
            }
            Step::ToClient { datagram } => {
                let _ = client.handle_datagram(now, here, &mut datagram.to_vec());
            }
            Step::Carry { at, xor } => {
                while let Some(transmit) = client.poll_transmit(now, &mut out) {
                    let mut datagram = transmit.datagram.to_vec();
                    let len = datagram.len();
                    datagram[usize::from(at) % len] ^= xor;
                    let reply = server.handle_datagram(now, address(9), &mut datagram);
                    if let Ok(Received::Reply(reply)) = reply {
                        let _ = client.handle_datagram(now, here, &mut reply.datagram.to_vec());
                    }
                }
                while let Some(transmit) = server.poll_transmit(now, &mut out) {
                    let _ = client.handle_datagram(now, here, &mut transmit.datagram.to_vec());
                }
            }
            Step::Time { micros } => now = Instant::from_micros(micros),
            Step::Date { seconds } => server.set_unix_time(now, UnixTime::from_secs(seconds)),
            Step::ServerSends { slot, payload } => {
                let _ = server.send(now, ClientIndex(slot.into()), payload, &mut out);
            }
            Step::ClientSends { payload } => {
                let _ = client.send(now, payload, &mut out);
            }
            Step::ServerDisconnects { slot } => {
                server.disconnect(now, ClientIndex(slot.into()));
            }
            Step::ClientDisconnects => client.disconnect(now),
            Step::Stop => server.stop(now),
            Step::Start => {
                let _ = server.start(now, UNIX, &mut rng);
            }
            Step::Events => {
                let _ = (server.poll_event(), client.poll_event());
                let _ = (server.next_deadline(), client.next_deadline());
            }
        }
    }
});
