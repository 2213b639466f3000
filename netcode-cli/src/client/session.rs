//! Sessions of a client, one after the other.

use std::time::{Duration, Instant};

use anyhow::Result;
use netcode_service::StopSignal;
use netcode_std::core::client::{ClientState, Event};
use netcode_std::{Client, RECEIVE_BUFFER_BYTES};
use serde_json::json;

use super::Args;
use super::source::Source;
use super::tokens::Tokens;
use crate::failure::Failure;
use crate::network::Network;
use crate::text::{print, print_json, say, show_payload};

/// Client with its payloads.
pub(super) struct Sessions<'a> {
    args: &'a Args,
    client: Client<Network>,
    source: Source,
    received: u64,
    /// Datagrams lost in earlier sessions.
    lost: u64,
}

/// End of a session.
enum End {
    /// Nothing is left to do.
    Done,
    /// The server disconnected the client.
    Closed,
    /// The attempt or the session failed.
    Failed(ClientState),
}

impl<'a> Sessions<'a> {
    pub(super) fn new(args: &'a Args, link: Network) -> Self {
        Self {
            args,
            client: Client::with_link(link),
            source: Source::new(args),
            received: 0,
            lost: 0,
        }
    }

    /// Connects, and again while there are tokens, until nothing is left to do or the program is
    /// asked to stop.
    pub(super) fn run(&mut self, tokens: &mut Tokens, stop: &StopSignal) -> Result<()> {
        while let Some(token) = tokens.next(stop)? {
            self.client
                .connect(&token)
                .map_err(|error| Failure::NoConnection(error.to_string()))?;
            let reason = match self.run_session(tokens, stop)? {
                End::Done => return Ok(()),
                End::Closed if !tokens.can_renew() || self.source.ended.is_some() => {
                    return self.source.ended_by_the_server();
                }
                End::Failed(state) if !tokens.can_renew() || self.source.ended.is_some() => {
                    return Err(Failure::NoConnection(explain(state).to_owned()).into());
                }
                End::Closed => "the server ended the session",
                End::Failed(state) => explain(state),
            };
            self.lost += self.client.core().stats().lost;
            tokens.lost(reason, stop)?;
        }
        Ok(())
    }

    fn run_session(&mut self, tokens: &mut Tokens, stop: &StopSignal) -> Result<End> {
        while !stop.is_requested() {
            if let Some(end) = self.turn()? {
                return Ok(end);
            }
            if self.client.is_connected() {
                tokens.connected();
            }
        }
        Ok(End::Done)
    }

    /// Runs one turn; the end of the session, once it is over.
    fn turn(&mut self) -> Result<Option<End>> {
        let now = Instant::now();
        self.client.update(now)?;
        self.drain()?;
        let state = self.client.state();
        if state.is_error() {
            return Ok(Some(End::Failed(state)));
        }
        if state == ClientState::Disconnected {
            return Ok(Some(End::Closed));
        }
        if state == ClientState::Connected {
            while let Some(payload) = self.source.next(now) {
                self.client.send(&payload)?;
            }
            let ended = self.source.ended;
            if ended.is_some_and(|ended| now >= ended + self.args.linger) {
                return Ok(Some(End::Done));
            }
        }
        self.client.wait(self.source.pause(now))?;
        Ok(None)
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
    pub(super) fn disconnect_and_flush(&mut self) -> Result<()> {
        self.client.disconnect()?;
        let end = Instant::now() + self.client.link().patience();
        while self.client.link().under_way() > 0 && Instant::now() < end {
            self.client.update(Instant::now())?;
            self.drain()?;
            self.client.wait(Duration::from_millis(10))?;
        }
        self.drain()
    }

    pub(super) fn summarize(&self) -> Result<()> {
        if self.args.json {
            return print_json(&json!({
                "event": "done", "sent": self.source.sent, "received": self.received,
                "lost": self.lost + self.client.core().stats().lost,
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
        ClientState::ConnectionDenied => {
            "the server is full, or closed to new clients: try again later, with a new token"
        }
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
