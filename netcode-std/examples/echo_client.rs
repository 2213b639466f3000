//! Echo client: fetches a token from the backend, sends five payloads and prints what comes back.
//! `echo_server.rs` says how to run it together with the others.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use netcode_std::{Client, ClientEvent, ConnectToken, RECEIVE_BUFFER_BYTES};

const USAGE: &str = "usage: echo_client BACKEND CLIENT_ID\n\n\
    BACKEND is the address and port of the backend: 127.0.0.1:8000.\n\
    CLIENT_ID is a number; a server lets each id in once at a time.";

/// A payload that has not come back by then is sent again: netcode itself repeats nothing.
const REPEAT_AFTER: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [backend, client_id] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        std::process::exit(2);
    };
    let mut client = Client::new()?;
    client.connect(&fetch_token(backend, client_id.parse()?)?)?;

    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    let (mut number, mut sent) = (1, None);
    while number <= 5 {
        let now = Instant::now();
        client.update(now)?;
        while let Some(event) = client.next_event(&mut buffer)? {
            match event {
                ClientEvent::StateChanged(state) => println!("{state}"),
                ClientEvent::Payload { payload, .. } => {
                    let text = String::from_utf8_lossy(payload);
                    // Another is a copy that came twice because it was sent twice.
                    if text == format!("hello {number}") {
                        println!("{text} came back");
                        (number, sent) = (number + 1, None);
                    }
                }
                _ => {}
            }
        }
        if !client.state().is_active() {
            return Err(format!("no session: {}", client.state()).into());
        }
        let due = sent.is_none_or(|sent| now.duration_since(sent) >= REPEAT_AFTER);
        // `false` until the client is connected.
        if due && client.send(format!("hello {number}").as_bytes())? {
            sent = Some(now);
        }
        client.wait(REPEAT_AFTER)?;
    }
    client.disconnect()?;
    Ok(())
}

/// Asks the backend for a token over HTTP; in production over HTTPS, with a client for that.
fn fetch_token(backend: &str, client_id: u64) -> Result<ConnectToken, Box<dyn Error>> {
    let mut stream = TcpStream::connect(backend)?;
    write!(stream, "POST /token/{client_id} HTTP/1.0\r\n\r\n")?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let head_end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    match head_end.and_then(|end| response.split_at_checked(end + 4)) {
        Some((head, body)) if head.starts_with(b"HTTP/1.0 200 ") => Ok(body.try_into()?),
        _ => Err("the backend gave no token".into()),
    }
}
