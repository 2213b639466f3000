//! An echo server on the reference's own port of netcode, with none of our code in it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use peer_official::Server;

const PROTOCOL_ID: u64 = 42;
const MAX_CLIENTS: usize = 4;

fn main() -> Result<()> {
    let file = std::env::args()
        .nth(1)
        .context("name the file of the key")?;
    let text = std::fs::read_to_string(&file).context(file)?;
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key)?;

    let mut server = Server::new("127.0.0.1:0".parse()?, PROTOCOL_ID, &key, 0.0)?;
    server.start(MAX_CLIENTS)?;
    println!(
        r#"{{"event":"listening","addresses":["{}"]}}"#,
        server.address()
    );
    std::io::stdout().flush()?;

    let began = Instant::now();
    loop {
        server.update(began.elapsed().as_secs_f64());
        for client in 0..MAX_CLIENTS {
            while let Some((payload, _)) = server.receive_packet(client) {
                server.send_packet(client, &payload)?;
            }
        }
        // It can only be asked, not waited for.
        std::thread::sleep(Duration::from_millis(2));
    }
}
