//! Bridge and echo server in one process, for development on one machine.
//!
//! ```sh
//! cargo run -p netcode-bridge --example beside_a_server
//! ```
//!
//! It prints what a page needs to connect: the bridge's URLs, the hash of its certificate, and a
//! token, which a backend would mint. It runs until Ctrl-C, or for `--for SECONDS`.
//!
//! ```js
//! const client = await NetcodeClient.connect(token, {
//!   bridge: { webtransport, webrtc },
//!   certificateHashes: [certificate],
//! });
//! ```

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netcode_bridge::{AllowList, Bridge, BridgeConfig, Certificate};
use netcode_std::{
    AddressList, ClientId, Key, ProtocolId, RECEIVE_BUFFER_BYTES, RestartRule, Server,
    ServerConfig, ServerEvent, TokenSpec, generator, mint, unix_time,
};

const USAGE: &str = "usage: beside_a_server [--for SECONDS]";
const PROTOCOL_ID: ProtocolId = ProtocolId(42);

fn main() -> Result<(), Box<dyn Error>> {
    let end = end()?;
    let mut rng = generator()?;
    let key = Key::generate(&mut rng);

    let any_port: SocketAddr = "127.0.0.1:0".parse()?;
    // The key is as new as the server: no token can be from before its start.
    let rule = RestartRule::AdmitAgain;
    let config = ServerConfig::new(PROTOCOL_ID, key.clone(), AddressList::EMPTY, 16, rule);
    let mut server = Server::bind(&[any_port], config)?;
    let servers = server.local_addresses();

    // It forwards to that server and to nothing else.
    let allow = AllowList::new(servers.iter().copied().map(Into::into));
    let mut config = BridgeConfig::new(allow, Certificate::for_development());
    config.listen = vec![any_port];
    config.rtc_listen = vec![any_port];
    let bridge = Bridge::start(config)?;

    let spec = TokenSpec::new(PROTOCOL_ID, ClientId(7), &servers, unix_time())
        .with_lifetime(Duration::from_secs(3600));
    let token = mint(&spec, &key, &mut rng)?;
    let addresses = bridge.addresses();
    for address in &addresses.webtransport {
        println!("webtransport: https://{address}");
    }
    for address in &addresses.http {
        println!("webrtc: http://{address}");
    }
    println!(
        "certificate: {}",
        BASE64_STANDARD.encode(addresses.certificate_hash)
    );
    println!("token: {}", BASE64_STANDARD.encode(token));

    // The bridge has threads of its own; this one is the server's.
    while end.is_none_or(|end| Instant::now() < end) {
        serve(&mut server)?;
        while let Some(event) = bridge.poll_event() {
            println!("bridge: {event:?}");
        }
        server.wait(Duration::from_millis(100))?;
    }
    server.stop()?;
    Ok(())
}

/// A turn of the server, which sends each payload back.
fn serve(server: &mut Server) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    server.update(Instant::now())?;
    while let Some(event) = server.next_event(&mut buffer)? {
        if let ServerEvent::Payload {
            client, payload, ..
        } = event
        {
            server.send(client, payload)?;
        } else {
            println!("server: {event:?}");
        }
    }
    Ok(())
}

/// The time to end at, if the command line names one.
fn end() -> Result<Option<Instant>, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(None),
        ["--for", seconds] => Ok(Some(Instant::now() + Duration::from_secs(seconds.parse()?))),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}
