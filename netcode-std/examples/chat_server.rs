//! Chat server on tokio: what a client says goes to all others, lines of the standard input to
//! everyone. The end of the input ends the server. `backend.rs` mints tokens for it: run it in
//! place of `echo_server`.

use std::error::Error;
use std::io::BufRead as _;
use std::time::{Duration, Instant};

use netcode_std::tokio::UdpLink;
use netcode_std::{
    AddressList, Key, ProtocolId, RECEIVE_BUFFER_BYTES, RestartRule, Server, ServerConfig,
    ServerEvent as Event, SocketOptions, TokenSpec,
};
use tokio::sync::mpsc;
use tokio::time::interval;

/// The application and its version, as in `backend.rs`.
const PROTOCOL_ID: ProtocolId = ProtocolId(42);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (Some(address), Ok(key)) = (std::env::args().nth(1), std::env::var("NETCODE_KEY")) else {
        eprintln!("usage: chat_server ADDRESS, with 64 hex digits in NETCODE_KEY");
        std::process::exit(2);
    };
    let max_token_lifetime = TokenSpec::DEFAULT_LIFETIME;
    let rule = RestartRule::RefuseOlder { max_token_lifetime };
    let key = Key::from_hex(&key)?;
    let config = ServerConfig::new(PROTOCOL_ID, key, AddressList::EMPTY, 16, rule);
    let link = UdpLink::bind(&[address.parse()?], &SocketOptions::default())?;
    let mut server = Server::with_link(link, config)?;
    for address in server.local_addresses() {
        println!("listening on {address}");
    }

    let mut announcements = announcements();
    let mut minute = interval(Duration::from_secs(60));
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    loop {
        // Whichever is first; what the others wait for is not lost.
        tokio::select! {
            ready = server.ready() => ready?,
            line = announcements.recv() => match line {
                Some(line) => say(&mut server, &line)?,
                None => return Ok(server.stop()?),
            },
            _ = minute.tick() => {
                let text = format!("{} are here", server.core().connected_count());
                say(&mut server, &text)?;
            }
        }
        server.update(Instant::now())?;
        while let Some(event) = server.next_event(&mut buffer)? {
            match event {
                Event::Connected { client_id, .. } => {
                    say(&mut server, &format!("{client_id} joined"))?;
                }
                Event::Payload {
                    client, payload, ..
                } => {
                    server.broadcast_except(client, payload)?;
                }
                Event::Disconnected { client_id, .. } => {
                    say(&mut server, &format!("{client_id} left"))?;
                }
                _ => {}
            }
        }
    }
}

/// Sends a text to everyone; of a long one, its beginning.
fn say(server: &mut Server<UdpLink>, text: &str) -> Result<(), netcode_std::SendError> {
    let payload = text.as_bytes();
    server.broadcast(payload.get(..1200).unwrap_or(payload))?;
    Ok(())
}

/// Lines of the standard input, which a thread of its own waits for.
fn announcements() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        for line in lines.filter(|line| !line.is_empty()) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
