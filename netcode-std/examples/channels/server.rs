//! Server: netcode's events open and close renet's connections; each message goes back.
#![allow(clippy::indexing_slicing, reason = "every index is a slot")]

use std::error::Error;
use std::time::Instant;

use netcode_std::{AddressList, ClientId, Key, ProtocolId, RestartRule, Server, ServerConfig};
use netcode_std::{RECEIVE_BUFFER_BYTES, ServerEvent as Event, TokenSpec};
use renet::{ConnectionConfig, DefaultChannel, RenetServer};

use crate::TICK;
use crate::packets::Packets;

const SLOTS: u32 = 16;

struct Session {
    id: ClientId,
    packets: Packets,
}

pub(crate) fn run(address: &str, key: &str) -> Result<(), Box<dyn Error>> {
    let max_token_lifetime = TokenSpec::DEFAULT_LIFETIME;
    let rule = RestartRule::RefuseOlder { max_token_lifetime };
    let key = Key::from_hex(key)?;
    let config = ServerConfig::new(ProtocolId(42), key, AddressList::EMPTY, SLOTS, rule);
    let mut server = Server::bind(&[address.parse()?], config)?;
    println!("listening on {}", server.local_addresses()[0]);

    let mut channels = RenetServer::new(ConnectionConfig::default());
    let mut sessions: [Option<Session>; SLOTS as usize] = Default::default();
    let mut last = Instant::now();
    loop {
        let now = Instant::now();
        receive(&mut server, &mut channels, &mut sessions, now)?;
        if now.duration_since(last) >= TICK {
            channels.update(now.duration_since(last));
            last = now;
            for id in channels.clients_id() {
                while let Some(message) =
                    channels.receive_message(id, DefaultChannel::ReliableOrdered)
                {
                    channels.send_message(id, DefaultChannel::ReliableOrdered, message);
                }
            }
            transmit(&mut server, &mut channels, &mut sessions)?;
        }
        server.wait((last + TICK).saturating_duration_since(Instant::now()))?;
    }
}

fn receive(
    server: &mut Server,
    channels: &mut RenetServer,
    sessions: &mut [Option<Session>],
    now: Instant,
) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    server.update(now)?;
    while let Some(event) = server.next_event(&mut buffer)? {
        match event {
            Event::Connected { client, client_id } => {
                println!("client {} is here", client_id.0);
                channels.add_connection(client_id.0);
                sessions[client.index()] = Some(Session {
                    id: client_id,
                    packets: Packets::new(),
                });
            }
            Event::Payload {
                client, payload, ..
            } => {
                let Some(session) = &mut sessions[client.index()] else {
                    continue;
                };
                if let Some(packet) = session.packets.packet(now, payload) {
                    channels.process_packet_from(packet, session.id.0)?;
                }
            }
            Event::Disconnected {
                client, client_id, ..
            } => {
                channels.remove_connection(client_id.0);
                sessions[client.index()] = None;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sends what the channels have to send, and ends the sessions whose channels have failed: a packet
/// made no sense, or too much waits to be acknowledged.
fn transmit(
    server: &mut Server,
    channels: &mut RenetServer,
    sessions: &mut [Option<Session>],
) -> Result<(), Box<dyn Error>> {
    for client in server.slots() {
        let Some(session) = &mut sessions[client.index()] else {
            continue;
        };
        if let Some(reason) = channels.disconnect_reason(session.id.0) {
            println!("client {}: {reason}", session.id.0);
            server.disconnect(client)?;
            continue;
        }
        for packet in channels.get_packets_to_send(session.id.0)? {
            for payload in session.packets.payloads(&packet)? {
                server.send(client, payload)?;
            }
        }
    }
    server.flush()?;
    Ok(())
}
