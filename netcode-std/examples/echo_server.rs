//! Echo server: 16 clients, each payload goes back to its sender.
//!
//! Three programs work together, each in a terminal of its own. The server and the backend share the
//! key:
//!
//! ```sh
//! openssl rand -hex 32 > game.key
//! NETCODE_KEY=$(cat game.key) cargo run -p netcode-std --example echo_server -- 127.0.0.1:40000
//! NETCODE_KEY=$(cat game.key) cargo run -p netcode-std --example backend -- 127.0.0.1:8000 127.0.0.1:40000
//! cargo run -p netcode-std --example echo_client -- 127.0.0.1:8000 7
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use netcode_std::{
    AddressList, Key, ProtocolId, RECEIVE_BUFFER_BYTES, RestartRule, Server, ServerConfig,
    ServerEvent, TokenSpec,
};

const USAGE: &str = "usage: echo_server ADDRESS\n\n\
    ADDRESS is the address and port to bind, by which tokens name the server: 127.0.0.1:40000.\n\
    The environment variable NETCODE_KEY holds the key shared with the backend, 64 hex digits.";

/// The application and its version, the same in servers and backend.
const PROTOCOL_ID: ProtocolId = ProtocolId(42);

fn main() -> Result<(), Box<dyn Error>> {
    let (Some(address), Ok(key)) = (std::env::args().nth(1), std::env::var("NETCODE_KEY")) else {
        eprintln!("{USAGE}");
        std::process::exit(2);
    };
    // The backend mints tokens of the default lifetime. Those from before a restart are refused,
    // and so are those of the second in which the server starts.
    let max_token_lifetime = TokenSpec::DEFAULT_LIFETIME;
    let config = ServerConfig::new(
        PROTOCOL_ID,
        Key::from_hex(&key)?,
        AddressList::EMPTY, // as bound
        16,
        RestartRule::RefuseOlder { max_token_lifetime },
    );
    let mut server = Server::bind(&[address.parse()?], config)?;
    for address in server.local_addresses() {
        println!("listening on {address}");
    }

    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    loop {
        server.update(Instant::now())?;
        while let Some(event) = server.next_event(&mut buffer)? {
            match event {
                ServerEvent::Connected { client_id, .. } => println!("client {client_id} is here"),
                ServerEvent::Payload {
                    client, payload, ..
                } => {
                    server.send(client, payload)?;
                }
                ServerEvent::Disconnected {
                    client_id, reason, ..
                } => println!("client {client_id} left: {reason}"),
                _ => {}
            }
        }
        // It returns when a datagram arrives or something is due; a second at most.
        server.wait(Duration::from_secs(1))?;
    }
}
