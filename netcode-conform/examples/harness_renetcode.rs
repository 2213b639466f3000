//! Harness for `renetcode`, which has no sockets of its own: a server that sends every payload
//! back, and a client that does.
//!
//! ```sh
//! cargo run -p netcode-conform --example harness_renetcode -- server 127.0.0.1:40000 game.key 42
//! cargo run -p netcode-conform --example harness_renetcode -- client token.bin
//! ```

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use renetcode::{
    ClientAuthentication, ConnectToken, NetcodeClient, NetcodeServer, ServerAuthentication,
    ServerConfig, ServerResult,
};

const USAGE: &str = "usage: harness_renetcode server ADDRESS KEY_FILE PROTOCOL_ID\n\
                     \x20      harness_renetcode client TOKEN_FILE";

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
    let private_key = hex::decode(text.trim())?
        .try_into()
        .map_err(|_| "no key of 32 bytes")?;
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    let mut server = NetcodeServer::new(ServerConfig {
        current_time: SystemTime::now().duration_since(UNIX_EPOCH)?,
        max_clients: 16,
        protocol_id: protocol_id.parse()?,
        public_addresses: vec![socket.local_addr()?],
        authentication: ServerAuthentication::Secure { private_key },
    });
    println!("listening on {}", socket.local_addr()?);
    let mut last = Instant::now();
    let mut buffer = [0; 2048];
    loop {
        let step = last.elapsed();
        last += step;
        server.update(step);
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let datagram = buffer.get_mut(..len).unwrap_or_default();
            let mut next = None;
            match server.process_packet(from, datagram) {
                ServerResult::ClientConnected {
                    client_id,
                    addr,
                    payload,
                    ..
                } => {
                    let _ = socket.send_to(payload, addr);
                    // Before the client has spoken: a keep-alive has to precede it.
                    next = Some((client_id, b"welcome".to_vec()));
                }
                ServerResult::Payload { client_id, payload } => {
                    next = Some((client_id, payload.to_vec()));
                }
                result => transmit(&socket, result),
            }
            match next {
                Some((id, payload)) if payload == DISCONNECT_ME => {
                    transmit(&socket, server.disconnect(id));
                }
                Some((id, payload)) => {
                    if let Ok((to, datagram)) = server.generate_payload_packet(id, &payload) {
                        let _ = socket.send_to(datagram, to);
                    }
                }
                None => {}
            }
        }
        for id in server.clients_id() {
            transmit(&socket, server.update_client(id));
        }
        std::thread::sleep(TURN);
    }
}

/// Sends what a call of the server gave.
fn transmit(socket: &UdpSocket, result: ServerResult<'_, '_>) {
    let (to, datagram): (SocketAddr, _) = match result {
        ServerResult::PacketToSend { addr, payload }
        | ServerResult::ClientConnected { addr, payload, .. }
        | ServerResult::ClientDisconnected {
            addr,
            payload: Some(payload),
            ..
        } => (addr, payload),
        _ => return,
    };
    let _ = socket.send_to(datagram, to);
}

fn client(token_file: &str) -> Result<(), Box<dyn Error>> {
    // Its public token has a client id in front, which the client does not need; the rest is the
    // standard's.
    let bytes = [&[0; 8][..], &std::fs::read(token_file)?].concat();
    let Ok(connect_token) = ConnectToken::read(&mut bytes.as_slice()) else {
        println!("state -5");
        return Err("no connect token".into());
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut client = NetcodeClient::new(now, ClientAuthentication::Secure { connect_token })?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_nonblocking(true)?;
    let mut last = Instant::now();
    let mut buffer = [0; 2048];
    while !client.is_disconnected() {
        let step = last.elapsed();
        last += step;
        if let Some((datagram, to)) = client.update(step) {
            let _ = socket.send_to(datagram, to);
        }
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            if from != client.server_addr() {
                continue;
            }
            let datagram = buffer.get_mut(..len).unwrap_or_default();
            let Some(payload) = client.process_packet(datagram).map(<[u8]>::to_vec) else {
                continue;
            };
            let sent = if payload == DISCONNECT_ME {
                client.disconnect()
            } else {
                client.generate_payload_packet(&payload)
            };
            if let Ok((to, datagram)) = sent {
                let _ = socket.send_to(datagram, to);
            }
        }
        std::thread::sleep(TURN);
    }
    Ok(())
}
