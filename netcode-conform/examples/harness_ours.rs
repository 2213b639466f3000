//! Harness for `netcode-std`: a server that sends every payload back, and a client that does.
//!
//! ```sh
//! cargo run -p netcode-conform --example harness_ours -- server 127.0.0.1:40000 game.key 42
//! cargo run -p netcode-conform --example harness_ours -- client token.bin
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_std::core::server::SourceLimit;
use netcode_std::{
    AddressList, Client, ClientEvent, KeyFile, ProtocolId, RECEIVE_BUFFER_BYTES, RestartRule,
    Server, ServerConfig, ServerEvent,
};

const USAGE: &str = "usage: harness_ours server ADDRESS KEY_FILE PROTOCOL_ID [MAX_TOKEN_LIFETIME|mute]\n\
                     \x20      harness_ours client TOKEN_FILE";

/// Payload upon which the receiver ends the session, so that its disconnect packets can be seen.
const DISCONNECT_ME: &[u8] = b"netcode conform: disconnect me";

/// Treatment of payloads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Payloads {
    Echo,
    /// As a server that is not made for the tool.
    Drop,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["server", address, key_file, protocol_id] => server(
            address.parse()?,
            key_file,
            ProtocolId(protocol_id.parse()?),
            RestartRule::AdmitAgain,
            Payloads::Echo,
        ),
        ["server", address, key_file, protocol_id, "mute"] => server(
            address.parse()?,
            key_file,
            ProtocolId(protocol_id.parse()?),
            RestartRule::AdmitAgain,
            Payloads::Drop,
        ),
        ["server", address, key_file, protocol_id, seconds] => server(
            address.parse()?,
            key_file,
            ProtocolId(protocol_id.parse()?),
            RestartRule::RefuseOlder {
                max_token_lifetime: Duration::from_secs(seconds.parse()?),
            },
            Payloads::Echo,
        ),
        ["client", token_file] => client(token_file),
        _ => Err(USAGE.into()),
    }
}

fn server(
    address: SocketAddr,
    key_file: &str,
    protocol_id: ProtocolId,
    restart_rule: RestartRule,
    payloads: Payloads,
) -> Result<(), Box<dyn Error>> {
    let key = KeyFile::read(std::path::Path::new(key_file))?.key;
    // An empty list of addresses is the one that is bound.
    let mut config = ServerConfig::new(protocol_id, key, AddressList::EMPTY, 16, restart_rule);
    if !matches!(address, SocketAddr::V4(v4) if v4.ip().is_loopback()) {
        // The tool has one address there for all its clients.
        config.per_host = SourceLimit::Unlimited;
    }
    let mut server = Server::bind(&[address], config)?;
    for address in server.local_addresses() {
        println!("listening on {address}");
    }
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    loop {
        server.update(Instant::now())?;
        while let Some(event) = server.next_event(&mut buffer)? {
            match event {
                // Before the client has spoken: a keep-alive has to precede it.
                ServerEvent::Connected { client, .. } => {
                    server.send(client, b"welcome")?;
                }
                ServerEvent::Payload { .. } if payloads == Payloads::Drop => {}
                ServerEvent::Payload {
                    client, payload, ..
                } if payload == DISCONNECT_ME => {
                    server.disconnect(client)?;
                }
                ServerEvent::Payload {
                    client, payload, ..
                } => {
                    server.send(client, payload)?;
                }
                _ => {}
            }
        }
        server.wait(Duration::from_millis(50))?;
    }
}

fn client(token_file: &str) -> Result<(), Box<dyn Error>> {
    let mut client = Client::new()?;
    if let Err(error) = client.connect(&std::fs::read(token_file)?) {
        println!("state {}", client.state().code());
        return Err(error.into());
    }
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while client.state().is_active() {
        client.update(Instant::now())?;
        let mut replies = Vec::new();
        while let Some(event) = client.next_event(&mut buffer)? {
            match event {
                ClientEvent::StateChanged(state) => println!("state {}", state.code()),
                ClientEvent::Payload { payload, .. } => replies.push(payload.to_vec()),
                _ => {}
            }
        }
        for payload in replies {
            if payload == DISCONNECT_ME {
                client.disconnect()?;
            } else {
                client.send(&payload)?;
            }
        }
        client.wait(Duration::from_millis(20))?;
    }
    Ok(())
}
