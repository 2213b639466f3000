//! Harness for `netcode-std`: a server that sends every payload back.
//!
//! ```sh
//! cargo run -p netcode-conform --example echo_ours -- 127.0.0.1:40000 game.key 42
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_std::core::server::SourceLimit;
use netcode_std::{
    AddressList, KeyFile, ProtocolId, RECEIVE_BUFFER_BYTES, RestartRule, Server, ServerConfig,
    ServerEvent,
};

/// Payload upon which the sender is disconnected, so that disconnect packets can be checked.
const DISCONNECT_ME: &[u8] = b"netcode conform: disconnect me";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, key_file, protocol_id, ..] = arguments.as_slice() else {
        return Err("usage: echo_ours ADDRESS KEY_FILE PROTOCOL_ID [MAX_TOKEN_LIFETIME]".into());
    };
    let address: SocketAddr = address.parse()?;
    let restart_rule = match arguments.get(3) {
        Some(seconds) => RestartRule::RefuseOlder {
            max_token_lifetime: Duration::from_secs(seconds.parse()?),
        },
        None => RestartRule::AdmitAgain,
    };
    let mut config = ServerConfig::new(
        ProtocolId(protocol_id.parse()?),
        KeyFile::read(key_file.as_ref())?.key,
        AddressList::EMPTY, // as bound
        16,
        restart_rule,
    );
    // Where the tool cannot have an address for each of its clients, they share one.
    if !matches!(address, SocketAddr::V4(v4) if v4.ip().is_loopback()) {
        config.per_host = SourceLimit::Unlimited;
    }
    let mut server = Server::bind(&[address], config)?;
    println!(
        "listening on {}",
        server.local_addresses().first().ok_or("not bound")?
    );

    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    loop {
        server.update(Instant::now())?;
        while let Some(event) = server.next_event(&mut buffer)? {
            match event {
                ServerEvent::Connected { client, .. } => {
                    server.send(client, b"welcome")?;
                }
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
