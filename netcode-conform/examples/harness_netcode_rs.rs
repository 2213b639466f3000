//! Harness for `netcode-rs`: a server that sends every payload back, and a client that does.
//!
//! ```sh
//! cargo run -p netcode-conform --example harness_netcode_rs -- server 127.0.0.1:40000 game.key 42
//! cargo run -p netcode-conform --example harness_netcode_rs -- client token.bin
//! ```

use std::error::Error;
use std::time::{Duration, Instant};

use peer_netcode_rs::{Client, ClientIndex, ClientState, NetcodeSocket, Server, ServerConfig};

const USAGE: &str = "usage: harness_netcode_rs server ADDRESS KEY_FILE PROTOCOL_ID\n\
                     \x20      harness_netcode_rs client TOKEN_FILE";

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
    let (sender, connected) = std::sync::mpsc::channel::<ClientIndex>();
    let config = ServerConfig::with_context(sender).on_connect(|index, connected| {
        let _ = connected.send(index);
    });
    let mut server = Server::with_config(address, protocol_id.parse()?, key, config)?;
    println!("listening on {}", server.addr());
    let began = Instant::now();
    loop {
        // Some datagrams end its turn with an error; it goes on with the next one.
        if let Err(error) = server.try_update(began.elapsed().as_secs_f64()) {
            eprintln!("{error}");
        }
        for index in connected.try_iter() {
            // Before the client has spoken: a keep-alive has to precede it.
            let _ = server.send(b"welcome", index);
        }
        while let Some((payload, index)) = server.recv() {
            // The client may have left in the same turn.
            let _ = if payload == DISCONNECT_ME {
                server.disconnect(index)
            } else {
                server.send(&payload, index)
            };
        }
        std::thread::sleep(TURN);
    }
}

fn client(token_file: &str) -> Result<(), Box<dyn Error>> {
    let token: [u8; 2048] = std::fs::read(token_file)?
        .try_into()
        .map_err(|_| "no token")?;
    let mut client: Client<NetcodeSocket> = match Client::new(&token) {
        Ok(client) => client,
        Err(error) => {
            println!("state -5");
            return Err(error.into());
        }
    };
    client.connect();
    let began = Instant::now();
    let mut state = ClientState::Disconnected;
    loop {
        if client.state() != state {
            state = client.state();
            println!("state {}", code(state));
            if code(state) <= 0 {
                return Ok(());
            }
        }
        if let Err(error) = client.try_update(began.elapsed().as_secs_f64()) {
            eprintln!("{error}");
        }
        while let Some(payload) = client.recv() {
            if payload == DISCONNECT_ME {
                client.disconnect()?;
            } else {
                client.send(&payload)?;
            }
        }
        std::thread::sleep(TURN);
    }
}

/// Value of a state in the standard.
fn code(state: ClientState) -> i32 {
    match state {
        ClientState::ConnectTokenExpired => -6,
        ClientState::ConnectionTimedOut => -4,
        ClientState::ChallengeResponseTimedOut => -3,
        ClientState::ConnectionRequestTimedOut => -2,
        ClientState::ConnectionDenied => -1,
        ClientState::Disconnected => 0,
        ClientState::SendingConnectionRequest => 1,
        ClientState::SendingChallengeResponse => 2,
        ClientState::Connected => 3,
    }
}
