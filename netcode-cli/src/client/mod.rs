//! `netcode client`: connects with a token, sends payloads, and prints events.
//!
//! | file | contents |
//! | --- | --- |
//! | `tokens` | tokens from a file or a matchmaker, and when to give up |
//! | `session` | sessions, one after the other, and their events |
//! | `source` | payloads to send |

mod session;
mod source;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use netcode_service::{StopSignal, parse_address};
use netcode_std::core::standard::MAX_PAYLOAD_BYTES;

use self::session::Sessions;
use self::tokens::Tokens;
use crate::matchmaker::MatchmakerArgs;
use crate::network::{Network, NetworkArgs};
use crate::text::seconds;

/// Connect with a token, send payloads, and print what arrives
///
/// The token comes from a file, or from a matchmaker (--matchmaker). A client of a matchmaker asks
/// for another token when it has lost its connection, and connects again.
///
/// Without --send and --stdin it stays connected and listens until Ctrl-C.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("payloads").args(["send", "stdin"]))]
pub(crate) struct Args {
    /// File with the token, as bytes or as base64 text; `-` is standard input. With a file, no
    /// matchmaker is asked
    #[arg(required_unless_present = "matchmaker")]
    token: Option<PathBuf>,
    /// Payload to send, 1 to 1200 bytes
    #[arg(long, value_name = "TEXT", value_parser = payload)]
    send: Option<String>,
    /// Number of times to send it
    #[arg(long, value_name = "N", default_value_t = 1, requires = "send")]
    count: u64,
    /// Payloads each second
    #[arg(
        long,
        value_name = "HZ",
        default_value_t = 10.0,
        value_parser = rate,
        requires = "payloads"
    )]
    rate: f64,
    /// Send each line of standard input, up to 1200 bytes; empty lines are left out
    #[arg(long)]
    stdin: bool,
    /// Time to listen after the last payload was sent
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1",
        value_parser = seconds,
        requires = "payloads"
    )]
    linger: Duration,
    /// Local address: one, or one of each family
    #[arg(
        long,
        value_name = "ADDRESS",
        default_values = ["0.0.0.0:0", "[::]:0"],
        value_parser = parse_address
    )]
    bind: Vec<SocketAddr>,
    /// Print events as JSON, one object on each line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    matchmaker: MatchmakerArgs,
    /// Time to try for a connection by a matchmaker, at the start and after each loss: while no
    /// slot is free, no server answers, or the matchmaker cannot be reached. 0 tries once
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "30",
        value_parser = seconds,
        help_heading = "Matchmaker"
    )]
    retry_for: Duration,
    #[command(flatten)]
    network: NetworkArgs,
}

fn rate(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e6).contains(&rate) => Ok(rate),
        _ => Err(anyhow!("not a rate from 0.001 to 1,000,000 Hz")),
    }
}

fn payload(text: &str) -> Result<String> {
    match text.len() {
        1..=MAX_PAYLOAD_BYTES => Ok(text.to_owned()),
        len => Err(anyhow!("a payload is 1 to 1200 bytes, not {len}")),
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if args.stdin && args.token.as_ref().is_some_and(|it| it.as_os_str() == "-") {
        bail!("standard input cannot hold both the token and the payloads: put one into a file");
    }
    let mut tokens = Tokens::new(args)?;
    let mut sessions = Sessions::new(args, bind(args)?);
    let stop = StopSignal::listen()?;
    let ended = sessions.run(&mut tokens, &stop);
    // The server is notified, whatever ended the loop.
    let flushed = sessions.disconnect_and_flush();
    ended?;
    flushed?;
    sessions.summarize()
}

/// Binds sockets. A machine without IPv6 gets IPv4 alone, unless the addresses were named.
fn bind(args: &Args) -> Result<Network> {
    let every = args.network.bind(&args.bind, None);
    let v4: Vec<SocketAddr> = args
        .bind
        .iter()
        .copied()
        .filter(SocketAddr::is_ipv4)
        .collect();
    let by_default = args
        .bind
        .iter()
        .all(|address| address.ip().is_unspecified());
    if every.is_err() && by_default && !v4.is_empty() {
        return args.network.bind(&v4, None);
    }
    every
}
