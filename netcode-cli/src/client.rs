//! `netcode client`: connects with a token, sends payloads, and prints events.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use netcode_service::{StopSignal, parse_address};
use netcode_std::core::client::{ClientState, Event};
use netcode_std::core::standard::MAX_PAYLOAD_BYTES;
use netcode_std::{Client, RECEIVE_BUFFER_BYTES};
use serde_json::json;

use crate::failure::Failure;
use crate::network::{Network, NetworkArgs};
use crate::text::{print, print_json, say, seconds, show_payload};
use crate::token::{WrongContent, read_file};

/// Connect with a token, send payloads, and print what arrives
///
/// Without --send and --stdin it stays connected and listens until Ctrl-C.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("payloads").args(["send", "stdin"]))]
pub(crate) struct Args {
    /// File with the token, as bytes or as base64 text; `-` is standard input
    token: PathBuf,
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
    if args.stdin && args.token.as_os_str() == "-" {
        bail!("standard input cannot hold both the token and the payloads: put one into a file");
    }
    let token = read_file(&args.token).map_err(no_token)?;
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
    let stop = StopSignal::listen()?;
    let mut ended = Ok(true);
    while let Ok(true) = ended {
        ended = if stop.is_requested() {
            Ok(false)
        } else {
            session.turn()
        };
    }
    // The server is notified, whatever ended the loop.
    let flushed = session.disconnect_and_flush();
    ended?;
    flushed?;
    session.summarize()
}

/// No connection is possible with a file that holds no token, however long it is.
fn no_token(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<WrongContent>() {
        Ok(wrong) => Failure::NoConnection(wrong.to_string()).into(),
        Err(error) => error,
    }
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

struct Session<'a> {
    args: &'a Args,
    client: Client<Network>,
    source: Source,
    received: u64,
}

impl Session<'_> {
    /// Runs one turn; `false` when the session is over.
    fn turn(&mut self) -> Result<bool> {
        let now = Instant::now();
        self.client.update(now)?;
        self.drain()?;
        let state = self.client.state();
        if state.is_error() {
            return Err(Failure::NoConnection(explain(state).to_owned()).into());
        }
        if state == ClientState::Disconnected {
            return self.source.ended_by_the_server().map(|()| false);
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

    /// Takes and prints every event of the turn.
    fn drain(&mut self) -> Result<()> {
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = self.client.next_event(&mut buffer)? {
            self.show(event)?;
        }
        Ok(())
    }

    fn show(&mut self, event: Event<&[u8]>) -> Result<()> {
        match event {
            Event::Payload { sequence, payload } => {
                self.received += 1;
                if self.args.json {
                    return print_json(&json!({
                        "event": "payload", "sequence": sequence.to_string(),
                        "bytes": hex::encode(payload),
                    }));
                }
                print(format_args!("{}", show_payload(payload)))
            }
            Event::StateChanged(state) if self.args.json => print_json(&json!({
                "event": "state", "state": state.as_str(), "code": state.code(),
                "server": self.client.core().server_address().map(|it| it.to_string()),
            })),
            Event::StateChanged(state) => {
                say(format_args!("{}", state.as_str()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Disconnects, and waits until the simulator has delivered the datagrams.
    fn disconnect_and_flush(&mut self) -> Result<()> {
        self.client.disconnect()?;
        let end = Instant::now() + self.client.link().patience();
        while self.client.link().under_way() > 0 && Instant::now() < end {
            self.client.update(Instant::now())?;
            self.drain()?;
            self.client.wait(Duration::from_millis(10))?;
        }
        self.drain()
    }

    fn summarize(&self) -> Result<()> {
        if self.args.json {
            return print_json(&json!({
                "event": "done", "sent": self.source.sent, "received": self.received,
                "lost": self.client.core().stats().lost,
            }));
        }
        say(format_args!(
            "sent {}, received {}",
            self.source.sent, self.received
        ));
        Ok(())
    }
}

fn explain(state: ClientState) -> &'static str {
    match state {
        ClientState::ConnectTokenExpired => "the token has expired: ask for a new one",
        ClientState::ConnectionDenied => "the server is full: try again later, with a new token",
        ClientState::ConnectionRequestTimedOut => {
            "no server answered: is one running at the token's addresses, with the token's \
             protocol id and key? A token that was used before gets no answer either"
        }
        ClientState::ConnectionResponseTimedOut => {
            "the server began to answer and then fell silent"
        }
        ClientState::ConnectionTimedOut => "the connection was lost: the server fell silent",
        other => other.as_str(),
    }
}

/// Source of payloads, with their schedule.
struct Source {
    what: What,
    interval: Duration,
    due: Option<Instant>,
    sent: u64,
    /// Time of the last payload, once there will be no more.
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

    /// Next payload, if one is due.
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

    /// Result of a session that the server ended: a failure while there was more to send.
    fn ended_by_the_server(&self) -> Result<()> {
        match (&self.what, self.ended) {
            (What::Nothing, _) | (_, Some(_)) => Ok(()),
            _ => Err(Failure::NoConnection(format!(
                "the server ended the session after {} payloads were sent",
                self.sent
            ))
            .into()),
        }
    }

    /// Time until the next payload may be due.
    fn pause(&self, now: Instant) -> Duration {
        let idle = Duration::from_millis(20);
        match (&self.what, self.due, self.ended) {
            (What::Text { .. }, Some(due), None) => due.saturating_duration_since(now).min(idle),
            _ => idle,
        }
    }
}

/// Reads lines in a thread: a portable program cannot poll standard input together with a socket.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_with_nothing_left_to_send_does_not_keep_its_client_busy() {
        let mut source = Source {
            what: What::Text {
                payload: b"hello".to_vec(),
                left: 1,
            },
            interval: Duration::from_millis(100),
            due: None,
            sent: 0,
            ended: None,
        };
        let start = Instant::now();
        assert!(source.next(start).is_some());
        let due = start + source.interval;
        assert!(source.pause(due).is_zero());
        assert!(source.next(due).is_none());
        assert!(!source.pause(due).is_zero());
    }
}
