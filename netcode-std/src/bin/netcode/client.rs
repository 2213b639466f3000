//! `netcode client`: connects with a token, sends, and shows what arrives.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Result;
use netcode_std::core::client::{ClientEvent, ClientState};
use netcode_std::{Client, RECEIVE_BUFFER_BYTES};
use serde_json::json;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::network::{Network, NetworkArgs};
use crate::signal::Stop;
use crate::text::{print, print_json, seconds, show_payload};
use crate::token::read_file;

/// Connect with a token, send payloads, and show what arrives
///
/// Without --send and --stdin it stays connected and listens until Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The token, as bytes or as base64 text; `-` is standard input
    token: PathBuf,
    /// A payload to send
    #[arg(long, value_name = "TEXT", conflicts_with = "stdin")]
    send: Option<String>,
    /// How often to send it
    #[arg(long, value_name = "N", default_value_t = 1, requires = "send")]
    count: u64,
    /// Payloads each second
    #[arg(long, value_name = "HZ", default_value_t = 10.0, value_parser = rate)]
    rate: f64,
    /// Send each line of standard input
    #[arg(long)]
    stdin: bool,
    /// How long to listen after the last payload was sent
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    linger: Duration,
    /// The address to send from: one, or one of each family
    #[arg(long, value_name = "ADDRESS", default_values = ["0.0.0.0:0", "[::]:0"])]
    bind: Vec<SocketAddr>,
    /// Everything as JSON, one object on each line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

fn rate(text: &str) -> Result<f64> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1e6 => Ok(rate),
        _ => Err(anyhow::anyhow!("not a rate above 0, up to 1,000,000 Hz")),
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let token = Zeroizing::new(read_file(&args.token)?);
    let mut client = Client::with_link(bind(args)?);
    client
        .connect(&token)
        .map_err(|error| Failure::NoConnection(error.to_string()))?;
    let mut session = Session {
        args,
        client,
        source: Source::new(args),
        received: 0,
    };
    let stop = Stop::listen()?;
    while !stop.wanted() && session.turn()? {}
    session.finish()
}

/// A machine without IPv6 still has a client, unless the addresses were chosen by hand.
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

struct Session<'a> {
    args: &'a Args,
    client: Client<Network>,
    source: Source,
    received: u64,
}

impl Session<'_> {
    /// One turn; false when the session is over.
    fn turn(&mut self) -> Result<bool> {
        let now = Instant::now();
        self.client.update(now)?;
        self.receive()?;
        while let Some(event) = self.client.poll_event() {
            self.show(event)?;
        }
        let state = self.client.state();
        if state.is_error() {
            return Err(Failure::NoConnection(explain(state).to_owned()).into());
        }
        if state == ClientState::Disconnected {
            return Ok(false);
        }
        if state == ClientState::Connected {
            while let Some(payload) = self.source.next(now) {
                self.client.send(&payload)?;
            }
            if self
                .source
                .ended
                .is_some_and(|ended| now >= ended + self.args.linger)
            {
                return Ok(false);
            }
        }
        self.client.wait(self.source.pause(now))?;
        Ok(true)
    }

    fn receive(&mut self) -> Result<()> {
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(payload) = self.client.receive(&mut buffer)? {
            self.received += 1;
            if self.args.json {
                print_json(&json!({
                    "event": "payload", "sequence": payload.sequence.0,
                    "bytes": hex::encode(payload.bytes),
                }))?;
            } else {
                print(format_args!("{}", show_payload(payload.bytes)))?;
            }
        }
        Ok(())
    }

    fn show(&self, event: ClientEvent) -> Result<()> {
        match event {
            ClientEvent::StateChanged(state) if self.args.json => print_json(&json!({
                "event": "state", "state": state.as_str(), "code": state.code(),
                "server": self.client.server_address().map(|it| it.to_string()),
            })),
            ClientEvent::StateChanged(state) => {
                eprintln!("netcode: {}", state.as_str());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<()> {
        let stats = self.client.stats();
        self.client.disconnect()?;
        while let Some(event) = self.client.poll_event() {
            self.show(event)?;
        }
        if self.args.json {
            return print_json(&json!({
                "event": "done", "sent": self.source.sent, "received": self.received,
                "lost": stats.lost,
            }));
        }
        eprintln!(
            "netcode: sent {}, received {}",
            self.source.sent, self.received
        );
        Ok(())
    }
}

fn explain(state: ClientState) -> &'static str {
    match state {
        ClientState::ConnectTokenExpired => "the token has expired: ask for a new one",
        ClientState::ConnectionDenied => "the server is full: try again later, with a new token",
        ClientState::ConnectionRequestTimedOut => {
            "no server answered: is one running at the token's addresses, with the token's \
             protocol id and key?"
        }
        ClientState::ConnectionResponseTimedOut => {
            "the server began to answer and then fell silent"
        }
        ClientState::ConnectionTimedOut => "the connection was lost: the server fell silent",
        other => other.as_str(),
    }
}

/// What is to be sent, and when.
struct Source {
    what: What,
    interval: Duration,
    due: Option<Instant>,
    sent: u64,
    /// When the last payload was sent, once there will be no more.
    ended: Option<Instant>,
}

enum What {
    Nothing,
    Text { payload: Vec<u8>, left: u64 },
    Lines(Receiver<Vec<u8>>),
}

impl Source {
    fn new(args: &Args) -> Self {
        let what = match &args.send {
            Some(text) => What::Text {
                payload: text.clone().into_bytes(),
                left: args.count,
            },
            None if args.stdin => What::Lines(read_lines()),
            None => What::Nothing,
        };
        let interval = Duration::from_secs_f64(1.0 / args.rate);
        Self {
            what,
            interval,
            due: None,
            sent: 0,
            ended: None,
        }
    }

    /// The next payload, if one is due.
    fn next(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.ended.is_some() || self.due.is_some_and(|due| now < due) {
            return None;
        }
        let payload = match &mut self.what {
            What::Nothing => return None,
            What::Text { payload, left } if *left > 0 => {
                *left -= 1;
                Some(payload.clone())
            }
            What::Text { .. } => None,
            What::Lines(lines) => match lines.try_recv() {
                Ok(line) => Some(line),
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => None,
            },
        };
        match payload {
            Some(_) => {
                self.sent += 1;
                self.due = Some(self.due.unwrap_or(now) + self.interval);
            }
            None => self.ended = Some(now),
        }
        payload
    }

    /// How long the next turn can wait for it.
    fn pause(&self, now: Instant) -> Duration {
        let ahead = self.due.map(|due| due.saturating_duration_since(now));
        let idle = Duration::from_millis(20);
        match &self.what {
            What::Text { .. } => ahead.map_or(idle, |ahead| ahead.min(idle)),
            _ => idle,
        }
    }
}

/// Reads lines in a thread: standard input cannot be waited for together with a socket.
fn read_lines() -> Receiver<Vec<u8>> {
    let (lines, receiver) = sync_channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n') {
            let Ok(mut line) = line else { break };
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            // An empty line would be an empty payload, which the protocol does not have.
            if !line.is_empty() && lines.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
