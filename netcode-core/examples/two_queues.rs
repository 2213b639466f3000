//! Client and server without sockets: two queues are the network, and time is a number.
//!
//! ```sh
//! cargo run -p netcode-core --example two_queues
//! ```
//!
//! A shell of one's own is this loop with sockets in place of the queues and a clock in place of
//! the number.

use std::collections::VecDeque;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use netcode_core::address::AddressList;
use netcode_core::client::{self, Client};
use netcode_core::crypto::Key;
use netcode_core::server::{self, MAX_SEND_BYTES, RestartRule, ServerConfig, StaticStorage};
use netcode_core::token::{ConnectToken, TokenSpec, mint};
use netcode_core::{ClientId, Instant, ProtocolId, UnixTime};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};

const PROTOCOL_ID: ProtocolId = ProtocolId(42);

/// The date at `Instant::ZERO`; a program reads it from its system.
const DATE: UnixTime = UnixTime::from_secs(1_800_000_000);

type Queue = VecDeque<Vec<u8>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let key = Key::generate(&mut rng);
    let addresses = ["10.0.0.1:40000".parse()?];
    let token = token(&addresses, &key, &mut rng)?;

    // 4 slots, 8 half-open entries and 32 token entries.
    let mut storage = StaticStorage::<4, 8, 32>::new();
    // The key is as new as the server: no token can be from before its start.
    let rule = RestartRule::AdmitAgain;
    let list = AddressList::new(&addresses)?;
    let config = ServerConfig::new(PROTOCOL_ID, key, list, 4, rule);
    let mut server = server::Server::new(storage.tables(), config)?;
    let mut now = Instant::ZERO;
    server.start(now, DATE, &mut rng)?;
    let mut client = Client::new();
    client.connect(now, &token)?;

    let (mut to_server, mut to_client) = (Queue::new(), Queue::new());
    let mut buffer = [0; MAX_SEND_BYTES];
    let (mut sent, mut came_back) = (0, 0);
    while came_back < 3 {
        now = now.saturating_add(Duration::from_millis(50));
        serve(now, &mut server, &mut to_server, &mut to_client)?;
        came_back += play(now, &mut client, &mut to_client, &mut to_server)?;
        let payload = format!("payload {}", sent + 1);
        // `None` until the client is connected.
        if let Some(transmit) = client.send(now, payload.as_bytes(), &mut buffer)? {
            to_server.push_back(transmit.datagram.to_vec());
            sent += 1;
        }
    }
    client.disconnect(now);
    play(now, &mut client, &mut to_client, &mut to_server)?;
    serve(now, &mut server, &mut to_server, &mut to_client)
}

/// The backend's part.
fn token(
    addresses: &[SocketAddr],
    key: &Key,
    rng: &mut StdRng,
) -> Result<ConnectToken, Box<dyn Error>> {
    let spec = TokenSpec::new(PROTOCOL_ID, ClientId(7), addresses, DATE);
    Ok(mint(&spec, key, rng)?)
}

/// A turn of the server, which sends each payload back.
fn serve(
    now: Instant,
    server: &mut server::Server<'_>,
    arrived: &mut Queue,
    sent: &mut Queue,
) -> Result<(), Box<dyn Error>> {
    let client_address = "10.0.0.2:50000".parse()?;
    let mut buffer = [0; MAX_SEND_BYTES];
    while let Some(mut datagram) = arrived.pop_front() {
        match server.handle_datagram(now, client_address, &mut datagram) {
            Ok(server::Received::Event(server::Event::Payload {
                client, payload, ..
            })) => {
                // Opened in place: the payload is a part of the datagram.
                let payload = datagram.get(payload).unwrap_or_default();
                println!("server: {}", String::from_utf8_lossy(payload));
                for transmit in server
                    .send(now, client, payload, &mut buffer)?
                    .into_iter()
                    .flatten()
                {
                    sent.push_back(transmit.datagram.to_vec());
                }
            }
            Ok(server::Received::Event(event)) => println!("server: {event:?}"),
            Ok(server::Received::Reply(reply)) => sent.push_back(reply.datagram.to_vec()),
            Ok(server::Received::Handled) => {}
            // No error: of the ten disconnect packets of a client nine arrive after its session.
            Err(_dropped) => {}
        }
    }
    while let Some(transmit) = server.poll_transmit(now, &mut buffer) {
        sent.push_back(transmit.datagram.to_vec());
    }
    while let Some(event) = server.poll_event() {
        println!("server: {event:?}");
    }
    Ok(())
}

/// A turn of the client; how many payloads came back in it.
fn play(
    now: Instant,
    client: &mut Client,
    arrived: &mut Queue,
    sent: &mut Queue,
) -> Result<u32, Box<dyn Error>> {
    let server_address = "10.0.0.1:40000".parse()?;
    let mut buffer = [0; MAX_SEND_BYTES];
    let mut came_back = 0;
    while let Some(mut datagram) = arrived.pop_front() {
        match client.handle_datagram(now, server_address, &mut datagram) {
            Ok(client::Received::Event(client::Event::Payload { payload, .. })) => {
                let payload = datagram.get(payload).unwrap_or_default();
                came_back += 1;
                println!("client: {} came back", String::from_utf8_lossy(payload));
            }
            Ok(client::Received::Event(event)) => println!("client: {event:?}"),
            Ok(client::Received::Handled) => {}
            Err(dropped) => println!("client: dropped a datagram: {dropped}"),
        }
    }
    while let Some(transmit) = client.poll_transmit(now, &mut buffer) {
        sent.push_back(transmit.datagram.to_vec());
    }
    while let Some(event) = client.poll_event() {
        println!("client: {event:?}");
    }
    Ok(came_back)
}
