//! Web backend that mints connect tokens: `POST /token/7` is answered with a token for client 7.
//! `echo_server.rs` says how to run it together with the others.
//!
//! In production this is a route of the game's web service: over HTTPS, because a token holds the
//! keys of its session; for a player who has signed in, whose id is not taken from the request; and
//! with the servers of that player's match. Here it is plain HTTP, and must stay on loopback.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use netcode_std::{ClientId, Key, ProtocolId, TokenSpec, generator, mint, unix_time};

const USAGE: &str = "usage: backend ADDRESS SERVER...\n\n\
    ADDRESS is the address and port to listen on, on loopback: 127.0.0.1:8000.\n\
    SERVER is an address of a server, which clients try in this order: 127.0.0.1:40000.\n\
    The environment variable NETCODE_KEY holds the key shared with the servers, 64 hex digits.";

/// The application and its version, the same in servers and backend.
const PROTOCOL_ID: ProtocolId = ProtocolId(42);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ([address, servers @ ..], Ok(key)) = (&arguments[..], std::env::var("NETCODE_KEY")) else {
        eprintln!("{USAGE}");
        std::process::exit(2);
    };
    let servers: Vec<SocketAddr> = servers
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let key = Key::from_hex(&key)?;
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        if let Err(error) = answer(stream, &servers, &key) {
            eprintln!("request failed: {error}");
        }
    }
}

/// Answers one request with a token, or with 404.
fn answer(mut stream: TcpStream, servers: &[SocketAddr], key: &Key) -> Result<(), Box<dyn Error>> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new((&stream).take(8192)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The rest of the head ends with an empty line.
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}

    let id = request
        .strip_prefix("POST /token/")
        .and_then(|rest| rest.split(' ').next()?.parse().ok());
    let Some(id) = id else {
        stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n")?;
        return Ok(());
    };
    let spec = TokenSpec::new(PROTOCOL_ID, ClientId(id), servers, unix_time());
    let token = mint(&spec, key, &mut generator()?)?;
    stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n")?;
    stream.write_all(&token)?;
    println!("token for client {id}");
    Ok(())
}
