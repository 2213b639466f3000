//! Both roles' methods in any order, with any arguments, at any time, into buffers of any length.
//! Nothing panics; what is written fits; an error that names a length names one that suffices.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use netcode_core::address::AddressList;
use netcode_core::client::Client;
use netcode_core::crypto::Key;
use netcode_core::server::{
    Capacity, Received, ReconnectRule, RestartRule, Server, ServerConfig, SourceLimit, Storage,
};
use netcode_core::token::{ConnectToken, TokenSpec, mint};
use netcode_core::{
    ClientId, ClientIndex, Instant, ProtocolId, SendError, Timeout, UnixTime, UserData,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::forge::{PRIVATE_KEY, PROTOCOL_ID, UNIX, choose};
use crate::take_steps;

/// Steps of one run, at most.
const MOST_STEPS: usize = 256;
/// Datagrams carried in one step, at most.
const MOST_CARRIED: usize = 64;

/// Runs one input.
pub fn api_calls(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(mut world) = World::new(&mut input) else {
        return;
    };
    take_steps(&mut input, MOST_STEPS, |input| world.step(input));
    // Printing shows no secret and does not panic either.
    let _ = format!("{:?} {:?}", world.server, world.clients);
}

fn server_address() -> SocketAddr {
    ([10, 0, 0, 1], 40_000).into()
}

fn address(number: u8) -> SocketAddr {
    match number % 4 {
        0 => ([10, 0, 0, 2], 5000).into(),
        1 => ([10, 0, 0, 3], 5000).into(),
        2 => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 5000).into(),
        _ => server_address(),
    }
}

/// Any configuration and any capacity, also those that are refused.
fn any_server(input: &mut Unstructured<'_>) -> Result<Option<Server<'static>>> {
    let capacity = Capacity {
        clients: choose(input, 5)?.into(),
        half_open: choose(input, 9)?.into(),
        tokens: choose(input, 17)?.into(),
    };
    let restart_rule = match choose(input, 4)? {
        0 => RestartRule::RefuseOlder {
            max_token_lifetime: Duration::from_millis(input.arbitrary::<u16>()?.into()),
        },
        _ => RestartRule::AdmitAgain,
    };
    let mut addresses = AddressList::EMPTY;
    for _ in 0..choose(input, 4)? {
        let _ = addresses.push(address(input.arbitrary()?));
    }
    let key = Key::from_bytes(PRIVATE_KEY);
    let clients = choose(input, 6)?.into();
    let protocol_id = ProtocolId(PROTOCOL_ID);
    let mut config = ServerConfig::new(protocol_id, key, addresses, clients, restart_rule);
    let rules = input.arbitrary::<u8>()?;
    if rules & 1 != 0 {
        config.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
    }
    if rules & 2 != 0 {
        config.per_host = SourceLimit::Unlimited;
        config.per_id = SourceLimit::OneIn(NonZeroU32::MIN);
    }
    if rules & 4 != 0 {
        config.opens_per_second = NonZeroU32::new(input.arbitrary::<u8>()?.into());
    }
    if rules & 8 != 0 {
        config.handshake_timeout = Duration::from_millis(input.arbitrary::<u16>()?.into());
    }
    let room = capacity.clients;
    let server = Server::new(Storage::heap(capacity), config);
    assert!(server.is_err() || (1..=room).contains(&(clients as usize)));
    Ok(server.ok())
}

/// A configuration that works.
fn usual_server() -> Server<'static> {
    let capacity = Capacity {
        clients: 3,
        half_open: 4,
        tokens: 12,
    };
    let addresses = AddressList::new(&[server_address()]).expect("one address");
    let key = Key::from_bytes(PRIVATE_KEY);
    let rule = RestartRule::AdmitAgain;
    let config = ServerConfig::new(ProtocolId(PROTOCOL_ID), key, addresses, 3, rule);
    Server::new(Storage::heap(capacity), config).expect("the configuration is valid")
}

struct World {
    server: Server<'static>,
    clients: [Client; 2],
    now: Instant,
    rng: StdRng,
}

impl World {
    fn new(input: &mut Unstructured<'_>) -> Result<Self> {
        let server = match choose(input, 3)? {
            0 => any_server(input)?,
            _ => None,
        };
        let mut rng = StdRng::seed_from_u64(1);
        let mut server = server.unwrap_or_else(usual_server);
        if choose(input, 8)? != 0 {
            let unix = UnixTime::from_secs(UNIX);
            server
                .start(Instant::ZERO, unix, &mut rng)
                .expect("it is stopped");
        }
        Ok(Self {
            server,
            clients: [Client::new(), Client::new()],
            now: Instant::ZERO,
            rng,
        })
    }

    fn token(&mut self, input: &mut Unstructured<'_>) -> Result<ConnectToken> {
        let servers: Vec<_> = match choose(input, 8)? {
            0 => vec![address(1), server_address()],
            1 => vec![server_address(); 32],
            _ => vec![server_address()],
        };
        let created = UnixTime::from_secs(UNIX + u64::from(choose(input, 4)?));
        let id = ClientId(choose(input, 3)?.into());
        let timeout = Timeout::from_secs(i32::from(input.arbitrary::<i8>()?));
        let lifetime = Duration::from_secs(input.arbitrary::<u8>()?.into());
        let spec = TokenSpec::new(ProtocolId(PROTOCOL_ID), id, &servers, created)
            .with_timeout(timeout)
            .with_lifetime(lifetime);
        let key = Key::from_bytes(PRIVATE_KEY);
        Ok(mint(&spec, &key, &mut self.rng).expect("the contents are legal"))
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match choose(input, 12)? {
            0..=2 => self.server_call(input),
            3..=5 => self.client_call(input),
            6 | 7 => self.carry(input),
            8 => {
                let micros = input.arbitrary::<u32>()?;
                self.now = self
                    .now
                    .saturating_add(Duration::from_micros(micros.into()));
                Ok(())
            }
            9 => {
                self.now = Instant::from_micros(input.arbitrary()?);
                Ok(())
            }
            10 => {
                let from = address(input.arbitrary()?);
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let mut datagram = input.bytes(len)?.to_vec();
                let _ = self.server.handle_datagram(self.now, from, &mut datagram);
                let client = &mut self.clients[0];
                let _ = client.handle_datagram(self.now, from, &mut datagram);
                Ok(())
            }
            _ => {
                self.drain();
                Ok(())
            }
        }
    }

    fn server_call(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let (now, server) = (self.now, &mut self.server);
        let client = ClientIndex(match choose(input, 8)? {
            0 => input.arbitrary()?,
            slot => slot.into(),
        });
        match choose(input, 16)? {
            0..=2 => self.server_sends(client, input)?,
            3 => {
                server.disconnect(now, client);
            }
            4 => server.disconnect_all(now),
            5 => server.stop(now),
            6 => {
                let unix = UnixTime::from_secs(match choose(input, 4)? {
                    0 => input.arbitrary()?,
                    _ => UNIX,
                });
                let _ = server.start(now, unix, &mut self.rng);
            }
            7 => server.set_unix_time(now, UnixTime::from_secs(input.arbitrary()?)),
            8 => {
                let id = ClientId(choose(input, 4)?.into());
                let joined = server.connect_loopback(now, id, &UserData::ZERO);
                if let Ok(slot) = joined {
                    assert_eq!(server.find_by_id(id), Some(slot));
                }
            }
            9 => {
                let payload = vec![1; usize::from(input.arbitrary::<u16>()? % 1203)];
                let _ = server.send_loopback(client, &payload);
                if let Ok(Some(_)) = server.handle_loopback(client, &payload) {
                    let info = server.client(client).expect("it is connected");
                    assert!(info.address.is_none() && (1..=1200).contains(&payload.len()));
                }
            }
            10 => {
                server.poll_event();
            }
            11 => {
                let mut out = vec![0; usize::from(input.arbitrary::<u8>()?)];
                server.poll_transmit(now, &mut out);
            }
            12 => {
                server.next_deadline();
            }
            13 => {
                let (count, listed) = (server.connected_count(), server.clients().count());
                assert_eq!(count as usize, listed);
                assert!(count <= server.config().max_clients);
            }
            _ => {
                server.find_by_address(address(input.arbitrary()?));
                let _ = (server.slots().len(), server.token_count());
            }
        }
        Ok(())
    }

    /// Sends into a buffer of any length; if it was too short, into one as long as the error says.
    fn server_sends(&mut self, client: ClientIndex, input: &mut Unstructured<'_>) -> Result<()> {
        let payload = vec![2; usize::from(input.arbitrary::<u16>()? % 1203)];
        let mut out = vec![0; usize::from(input.arbitrary::<u16>()? % 1400)];
        let sent = self.server.send(self.now, client, &payload, &mut out);
        if let Err(SendError::BufferTooShort { needed }) = sent {
            assert!(needed > out.len());
            let mut out = vec![0; needed];
            let again = self.server.send(self.now, client, &payload, &mut out);
            assert!(matches!(again, Ok(Some(_))));
        }
        Ok(())
    }

    fn client_call(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let which = usize::from(choose(input, 2)?);
        match choose(input, 12)? {
            0..=3 => {
                let token = self.token(input)?;
                let _ = self.clients[which].connect(self.now, &token);
            }
            4 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let client = &mut self.clients[which];
                assert!(client.connect(self.now, input.bytes(len)?).is_err());
            }
            5 => self.clients[which].disconnect(self.now),
            6 => self.clients[which].skip_server(self.now),
            7 => self.client_sends(which, input)?,
            8 => {
                let mut out = vec![0; usize::from(input.arbitrary::<u16>()? % 1400)];
                self.clients[which].poll_transmit(self.now, &mut out);
            }
            9 => {
                let unix = UnixTime::from_secs(input.arbitrary()?);
                self.clients[which].set_unix_time(self.now, unix);
            }
            10 => {
                let newest = UnixTime::from_secs(UNIX + u64::from(choose(input, 4)?));
                self.clients[which].accept_only_newer_than(newest);
            }
            _ => {
                let client = &mut self.clients[which];
                client.poll_event();
                let _ = (client.next_deadline(), client.stats(), client.max_clients());
            }
        }
        Ok(())
    }

    fn client_sends(&mut self, which: usize, input: &mut Unstructured<'_>) -> Result<()> {
        let client = &mut self.clients[which];
        let payload = vec![3; usize::from(input.arbitrary::<u16>()? % 1203)];
        let mut out = vec![0; usize::from(input.arbitrary::<u16>()? % 1400)];
        let size = client.send_size(&payload);
        match client.send(self.now, &payload, &mut out) {
            Ok(sent) => {
                let sent = sent.map(|transmit| (transmit.to, transmit.datagram.len()));
                assert_eq!(size, Ok(sent));
            }
            Err(SendError::BufferTooShort { needed }) => {
                assert!(needed > out.len());
                assert!(matches!(size, Ok(Some((_, bytes))) if bytes == needed));
            }
            Err(error) => assert_eq!(size, Err(error)),
        }
        Ok(())
    }

    /// Carries what each client owes to the server, and back; the events stay where they are.
    fn carry(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let mut out = vec![0; 1300];
        let lost = input.arbitrary::<u8>()?;
        for which in 0..self.clients.len() {
            let from = address(u8::try_from(which).unwrap_or(0));
            for turn in 0..MOST_CARRIED {
                let client = &mut self.clients[which];
                let Some(transmit) = client.poll_transmit(self.now, &mut out) else {
                    break;
                };
                if lost >> (turn % 8) & 1 != 0 {
                    continue;
                }
                let mut datagram = transmit.datagram.to_vec();
                let received = self.server.handle_datagram(self.now, from, &mut datagram);
                if let Ok(Received::Reply(reply)) = received {
                    let mut reply = reply.datagram.to_vec();
                    let _ = client.handle_datagram(self.now, server_address(), &mut reply);
                }
            }
        }
        for _ in 0..MOST_CARRIED {
            let Some(transmit) = self.server.poll_transmit(self.now, &mut out) else {
                break;
            };
            let which = usize::from(transmit.to == address(1));
            let mut datagram = transmit.datagram.to_vec();
            let client = &mut self.clients[which];
            let _ = client.handle_datagram(self.now, server_address(), &mut datagram);
        }
        Ok(())
    }

    fn drain(&mut self) {
        let mut out = vec![0; 1300];
        while self.server.poll_transmit(self.now, &mut out).is_some() {}
        while self.server.poll_event().is_some() {}
        for client in &mut self.clients {
            while client.poll_transmit(self.now, &mut out).is_some() {}
            while client.poll_event().is_some() {}
        }
    }
}
