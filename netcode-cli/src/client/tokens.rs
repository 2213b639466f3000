//! Tokens of a client, and the decision to give up.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use netcode_service::StopSignal;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Args;
use crate::failure::Failure;
use crate::matchmaker::{self, Backend, Backoff};
use crate::text::{print_json, say};
use crate::token::{WrongContent, decode_token, read_file};

/// Longest wait of the client's own before the next attempt.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// Duration of a session after which the next loss is a matter of its own.
const LONG_SESSION: Duration = Duration::from_secs(10);
/// Interval of looks at the request to stop.
const LOOK: Duration = Duration::from_millis(50);

type Token = Zeroizing<Vec<u8>>;

/// Source of tokens.
pub(super) enum Tokens {
    /// The token of a file, until it is taken.
    File(Option<Token>),
    Matchmaker(Box<Asker>),
}

impl Tokens {
    pub(super) fn new(args: &Args) -> Result<Self> {
        if let Some(path) = &args.token {
            return Ok(Self::File(Some(read_file(path).map_err(no_token)?)));
        }
        let backend = args.matchmaker.backend()?.context("--matchmaker")?;
        Ok(Self::Matchmaker(Box::new(Asker {
            backend: Arc::new(backend),
            body: json!({ "labels": args.matchmaker.labels() }),
            retry_for: args.retry_for,
            json: args.json,
            backoff: Backoff::up_to(LONGEST_BACKOFF),
            began: Instant::now(),
            connected: None,
        })))
    }

    /// `true` if another token can be had after a lost connection.
    pub(super) fn can_renew(&self) -> bool {
        matches!(self, Self::Matchmaker(_))
    }

    /// Next token; `None` if there is none, or the program is asked to stop.
    pub(super) fn next(&mut self, stop: &StopSignal) -> Result<Option<Token>> {
        match self {
            Self::File(token) => Ok(token.take()),
            Self::Matchmaker(asker) => asker.next(stop),
        }
    }

    /// Notes that the client is connected.
    pub(super) fn connected(&mut self) {
        if let Self::Matchmaker(asker) = self {
            asker.connected.get_or_insert_with(Instant::now);
        }
    }

    /// Waits before the next token after a connection that was lost for this reason, or not made.
    pub(super) fn lost(&mut self, reason: &str, stop: &StopSignal) -> Result<()> {
        match self {
            Self::File(_) => Err(Failure::NoConnection(reason.to_owned()).into()),
            Self::Matchmaker(asker) => asker.lost(reason, stop),
        }
    }
}

/// No connection is possible with a file that holds no token, however long it is.
fn no_token(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<WrongContent>() {
        Ok(wrong) => Failure::NoConnection(wrong.to_string()).into(),
        Err(error) => error,
    }
}

/// Client of a matchmaker.
pub(super) struct Asker {
    backend: Arc<Backend>,
    body: Value,
    retry_for: Duration,
    json: bool,
    backoff: Backoff,
    /// Start of the search for a connection.
    began: Instant,
    /// Start of the session, once there is one.
    connected: Option<Instant>,
}

impl Asker {
    fn next(&mut self, stop: &StopSignal) -> Result<Option<Token>> {
        while !stop.is_requested() {
            let Some(answer) = self.ask(stop)? else {
                break;
            };
            match answer.and_then(|answer| Ok((token_of(&answer)?, answer))) {
                Ok((token, answer)) => {
                    self.show(&answer)?;
                    return Ok(Some(token));
                }
                Err(failure) if failure.may_pass() => {
                    self.pause(&failure.to_string(), failure.retry_after(), stop)?;
                }
                Err(failure) => return Err(Failure::NoConnection(failure.to_string()).into()),
            }
        }
        Ok(None)
    }

    /// Asks in a thread, so that a request to stop is seen meanwhile: `None` after one.
    fn ask(&self, stop: &StopSignal) -> Result<Option<Result<Value, matchmaker::Failure>>> {
        let (sender, answer) = channel();
        let (backend, body) = (Arc::clone(&self.backend), self.body.clone());
        thread::Builder::new()
            .name("matchmaker".to_owned())
            .spawn(move || sender.send(backend.call("POST", "/v1/connect", &body)))
            .context("cannot start a thread")?;
        while !stop.is_requested() {
            match answer.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                answer => return answer.map(Some).context("the request was dropped"),
            }
        }
        Ok(None)
    }

    /// Shows where the token leads.
    fn show(&self, answer: &Value) -> Result<()> {
        let servers = list(answer, "servers");
        let client = text(answer, "clientId");
        if self.json {
            let expires = answer.get("expires").and_then(Value::as_u64);
            return print_json(&json!({
                "event": "token", "servers": servers, "client_id": client,
                "expires": expires.map(|it| it.to_string()),
            }));
        }
        let servers = servers.join(", ");
        say(format_args!("token for client {client} at {servers}"));
        Ok(())
    }

    fn lost(&mut self, reason: &str, stop: &StopSignal) -> Result<()> {
        if let Some(connected) = self.connected.take() {
            self.began = Instant::now();
            if connected.elapsed() >= LONG_SESSION {
                self.backoff.reset();
            }
        }
        self.pause(reason, None, stop)
    }

    /// Waits before the next attempt, or fails for this reason if the time for attempts is over.
    fn pause(&mut self, reason: &str, asked: Option<Duration>, stop: &StopSignal) -> Result<()> {
        let wait = self.backoff.next(asked);
        if self.began.elapsed() + wait > self.retry_for {
            return Err(Failure::NoConnection(reason.to_owned()).into());
        }
        if self.json {
            print_json(&json!({
                "event": "retry", "reason": reason, "seconds": wait.as_secs_f64(),
            }))?;
        } else {
            let seconds = wait.as_secs_f64();
            say(format_args!("{reason}; trying again in {seconds:.1} s"));
        }
        let end = Instant::now() + wait;
        while !stop.is_requested() && Instant::now() < end {
            thread::sleep(LOOK.min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }
}

/// Token in an answer.
fn token_of(answer: &Value) -> Result<Token, matchmaker::Failure> {
    let token = answer.get("token").and_then(Value::as_str);
    token
        .and_then(|text| decode_token(text.as_bytes()))
        .ok_or_else(|| matchmaker::Failure::Malformed("it has no connect token".to_owned()))
}

fn text(answer: &Value, field: &str) -> String {
    let text = answer.get(field).and_then(Value::as_str);
    text.map(matchmaker::shown).unwrap_or_default()
}

fn list(answer: &Value, field: &str) -> Vec<String> {
    let list = answer.get(field).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(matchmaker::shown).collect()
}
