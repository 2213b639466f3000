//! Reliable, ordered messages of any length: the channels of `renet` over netcode's sessions. The
//! server sends every message back; the client sends 20 of 1, 1,000 and 5,000 bytes, over a network
//! that loses what you like, and checks that they come back in order.
//!
//! ```sh
//! netcode keygen --out game.key
//! NETCODE_KEY=$(cat game.key) cargo run -p netcode-std --example channels -- server 127.0.0.1:40000
//! netcode token mint --key game.key --protocol-id 42 --client-id 7 --server 127.0.0.1:40000 --out token.bin
//! cargo run -p netcode-std --example channels -- client token.bin 10
//! ```

mod client;
mod packets;
mod server;

use std::error::Error;
use std::time::Duration;

const USAGE: &str = "usage: channels server ADDRESS\n       \
    channels client TOKEN_FILE [LOSS]\n\n\
    ADDRESS is the address and port to bind, by which tokens name the server: 127.0.0.1:40000.\n\
    The environment variable NETCODE_KEY holds the key shared with the backend, 64 hex digits.\n\
    LOSS is the percentage of datagrams that get lost in each direction.";

/// Time between two runs of the channels: messages leave, and lost ones again, once in it.
const TICK: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (&*arguments, std::env::var("NETCODE_KEY")) {
        (["server", address], Ok(key)) => server::run(address, &key),
        (["client", token_file], _) => client::run(token_file, 0),
        (["client", token_file, loss], _) => client::run(token_file, loss.parse()?),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}
