//! Harness for `netcode-official`: a server that sends every payload back, and a client that does.
//!
//! ```sh
//! cargo run -p netcode-conform --example harness_official -- server 127.0.0.1:40000 game.key 42
//! cargo run -p netcode-conform --example harness_official -- client token.bin
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use peer_official::{Client, ClientState, Server};

const USAGE: &str = "usage: harness_official server ADDRESS KEY_FILE PROTOCOL_ID\n\
                     \x20      harness_official client TOKEN_FILE";

/// Payload upon which the receiver ends the session, so that its disconnect packets can be seen.
const DISCONNECT_ME: &[u8] = b"netcode conform: disconnect me";

const TURN: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["server", address, key_file, protocol_id] => server(address, key_file, protocol_id),
        ["client", token_file] => client(token_file),
        _ => Err(USAGE.into()),
    }
}

fn server(address: &str, key_file: &str, protocol_id: &str) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(key_file)?;
    let key: [u8; 32] = hex::decode(text.trim())?
        .try_into()
        .map_err(|_| "no key of 32 bytes")?;
    let mut server = Server::new(address.parse()?, protocol_id.parse()?, &key, 0.0)?;
    server.start(16)?;
    println!("listening on {}", server.address());
    let began = Instant::now();
    let mut greeted = [false; 16];
    loop {
        server.update(began.elapsed().as_secs_f64());
        for (index, greeted) in greeted.iter_mut().enumerate() {
            let connected = server.client_connected(index);
            if connected && !*greeted {
                // Before the client has spoken: a keep-alive has to precede it.
                server.send_packet(index, b"welcome")?;
            }
            *greeted = connected;
            while let Some((payload, _)) = server.receive_packet(index) {
                if payload == DISCONNECT_ME {
                    server.disconnect_client(index);
                } else {
                    server.send_packet(index, &payload)?;
                }
            }
        }
        std::thread::sleep(TURN);
    }
}

fn client(token_file: &str) -> Result<(), Box<dyn Error>> {
    let token: [u8; 2048] = std::fs::read(token_file)?
        .try_into()
        .map_err(|_| "no token")?;
    let mut client = Client::new("0.0.0.0:0".parse()?, 0.0)?;
    let begun = client.connect(&token);
    println!("state {}", code(client.state()));
    begun?;
    let began = Instant::now();
    let mut state = client.state();
    while code(client.state()) > 0 {
        client.update(began.elapsed().as_secs_f64());
        while let Some((payload, _)) = client.receive_packet() {
            if payload == DISCONNECT_ME {
                client.disconnect();
            } else {
                client.send_packet(&payload)?;
            }
        }
        if client.state() != state {
            state = client.state();
            println!("state {}", code(state));
        }
        std::thread::sleep(TURN);
    }
    Ok(())
}

/// Value of a state in the standard.
fn code(state: ClientState) -> i32 {
    match state {
        ClientState::ConnectTokenExpired => -6,
        ClientState::InvalidConnectToken => -5,
        ClientState::ConnectionTimedOut => -4,
        ClientState::ConnectionResponseTimedOut => -3,
        ClientState::ConnectionRequestTimedOut => -2,
        ClientState::ConnectionDenied => -1,
        ClientState::Disconnected => 0,
        ClientState::SendingConnectionRequest => 1,
        ClientState::SendingConnectionResponse => 2,
        ClientState::Connected => 3,
    }
}
