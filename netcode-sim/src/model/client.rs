//! Model of the client: states, timers, and the fate of each datagram.

use std::collections::VecDeque;
use std::net::SocketAddr;

use netcode_core::Dropped;
use netcode_core::client::ClientState;

use super::clock::{Date, LocalTime};
use super::{Received, Sent, check_clear};
use crate::backend::{Defect, Ticket};
use crate::ledger::Ledger;
use crate::wire;

/// Result that a datagram must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Dropped(Dropped),
    State(ClientState),
    Payload { sequence: u64, body: Vec<u8> },
    Handled,
}

/// Result that `connect` must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connect {
    Begins,
    Active,
    Invalid,
    Spent,
    Expired,
    NotNewer,
}

/// Attempt or session, from the public part of its token.
#[derive(Clone, Debug)]
struct Attempt {
    nonce: [u8; 24],
    servers: Vec<SocketAddr>,
    position: usize,
    protocol_id: u64,
    to_client: [u8; 32],
    timeout: Option<u64>,
    /// End of the whole attempt.
    ends: u64,
}

pub(crate) struct ClientModel {
    pub(crate) state: ClientState,
    pub(crate) time: LocalTime,
    date: Date,
    attempt: Option<Attempt>,
    /// Nonces of the latest eight tokens that opened a session.
    spent: VecDeque<[u8; 24]>,
    pub(crate) newest: Option<u64>,
    pub(crate) sequence: u64,
    received: Received,
    challenge: Vec<u8>,
    send_due: u64,
    heard: u64,
    disconnects_left: u8,
    pub(crate) slot: (u32, u32),
    /// Changes of state not yet reported.
    pub(crate) events: VecDeque<ClientState>,
}

impl ClientModel {
    pub(crate) fn new() -> Self {
        Self {
            state: ClientState::Disconnected,
            time: LocalTime::default(),
            date: Date::default(),
            attempt: None,
            spent: VecDeque::new(),
            newest: None,
            sequence: 0,
            received: Received::default(),
            challenge: Vec::new(),
            send_due: 0,
            heard: 0,
            disconnects_left: 0,
            slot: (0, 0),
            events: VecDeque::new(),
        }
    }

    fn is_active(&self) -> bool {
        self.state.code() > 0
    }

    pub(crate) fn server(&self) -> Option<SocketAddr> {
        let attempt = self.attempt.as_ref().filter(|_| self.is_active())?;
        attempt.servers.get(attempt.position).copied()
    }

    /// Time left for the attempt; `None` while connected or inactive.
    pub(crate) fn attempt_left(&self) -> Option<u64> {
        let connecting = self.is_active() && self.state != ClientState::Connected;
        let attempt = self.attempt.as_ref().filter(|_| connecting)?;
        Some(attempt.ends.saturating_sub(self.time.passed()))
    }

    fn enter(&mut self, state: ClientState) {
        self.state = state;
        self.events.push_back(state);
    }

    pub(crate) fn connect(&mut self, now: u64, ticket: &Ticket) -> Connect {
        let now = self.time.call(now);
        if self.is_active() {
            return Connect::Active;
        }
        if ticket.order.defect == Defect::Public {
            self.enter(ClientState::InvalidConnectToken);
            return Connect::Invalid;
        }
        if self.spent.contains(&ticket.nonce) {
            return Connect::Spent;
        }
        if self
            .date
            .at(now)
            .is_some_and(|today| ticket.expires <= today)
        {
            return Connect::Expired;
        }
        let again = self
            .attempt
            .as_ref()
            .is_some_and(|last| last.nonce == ticket.nonce);
        if self
            .newest
            .is_some_and(|newest| ticket.order.created <= newest)
            && !again
        {
            return Connect::NotNewer;
        }
        self.newest = self.newest.map(|newest| newest.max(ticket.order.created));
        self.disconnects_left = 0;
        self.attempt = Some(Attempt {
            nonce: ticket.nonce,
            servers: ticket.order.public.clone(),
            position: 0,
            protocol_id: ticket.protocol_id,
            to_client: ticket.to_client,
            timeout: positive(ticket.order.timeout),
            ends: now + ticket.order.lifetime * 1_000_000,
        });
        self.begin(now);
        self.enter(ClientState::SendingConnectionRequest);
        Connect::Begins
    }

    pub(crate) fn tell_date(&mut self, now: u64, unix: u64) {
        let now = self.time.call(now);
        self.date.tell(now, unix);
    }

    fn begin(&mut self, now: u64) {
        self.received = Received::default();
        self.send_due = 0;
        self.heard = now;
    }

    fn next_server(&mut self, now: u64, failure: ClientState) -> ClientState {
        if let Some(attempt) = &mut self.attempt {
            attempt.position += 1;
            if attempt.position < attempt.servers.len() {
                self.begin(now);
                return ClientState::SendingConnectionRequest;
            }
        }
        self.disconnects_left = 0;
        failure
    }

    pub(crate) fn skip_server(&mut self, now: u64) {
        let now = self.time.call(now);
        let failure = match self.state {
            ClientState::SendingConnectionRequest => ClientState::ConnectionRequestTimedOut,
            ClientState::SendingConnectionResponse => ClientState::ConnectionResponseTimedOut,
            _ => return,
        };
        let state = self.next_server(now, failure);
        self.enter(state);
    }

    pub(crate) fn disconnect(&mut self, now: u64) {
        self.time.call(now);
        if self.is_active() {
            self.disconnects_left = 10;
            self.enter(ClientState::Disconnected);
        }
    }

    /// Fate of a datagram. (*Reading Encrypted Packets*, *Client State Machine*.)
    pub(crate) fn receive(
        &mut self,
        now: u64,
        from: SocketAddr,
        datagram: &[u8],
        ledger: &Ledger,
    ) -> Fate {
        let now = self.time.call(now);
        match self.admit(from, datagram, ledger) {
            Ok((kind, sequence, body)) => self.apply(now, kind, sequence, &body),
            Err(reason) => Fate::Dropped(reason),
        }
    }

    fn admit(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        ledger: &Ledger,
    ) -> Result<(u8, u64, Vec<u8>), Dropped> {
        if !self.is_active() {
            return Err(Dropped::Inactive);
        }
        if self.server() != Some(from) {
            return Err(Dropped::UnknownSender);
        }
        let accepted = [
            wire::DENIED,
            wire::CHALLENGE,
            wire::KEEP_ALIVE,
            wire::PAYLOAD,
            wire::DISCONNECT,
        ];
        let clear = check_clear(datagram, &accepted)?;
        let expected: &[u8] = match self.state {
            ClientState::SendingConnectionRequest => &[wire::DENIED, wire::CHALLENGE],
            ClientState::SendingConnectionResponse => &[wire::DENIED, wire::KEEP_ALIVE],
            _ => &[wire::KEEP_ALIVE, wire::PAYLOAD, wire::DISCONNECT],
        };
        if !expected.contains(&clear.kind) {
            return Err(Dropped::State);
        }
        let protected = clear.kind >= wire::KEEP_ALIVE;
        if protected && self.received.is_replay(clear.sequence) {
            return Err(Dropped::Replayed);
        }
        let attempt = self.attempt.as_ref().ok_or(Dropped::Inactive)?;
        let data = wire::packet_data(attempt.protocol_id, datagram[0]);
        let seal = ledger
            .find(datagram)
            .filter(|seal| seal.key == attempt.to_client && seal.data == data);
        let body = seal.ok_or(Dropped::Unauthentic)?.body.clone();
        if protected {
            self.received.mark(clear.sequence);
        }
        Ok((clear.kind, clear.sequence, body))
    }

    fn apply(&mut self, now: u64, kind: u8, sequence: u64, body: &[u8]) -> Fate {
        match (kind, self.state) {
            (wire::DENIED, _) => {
                self.state = self.next_server(now, ClientState::ConnectionDenied);
                Fate::State(self.state)
            }
            (wire::CHALLENGE, _) => {
                self.challenge = body.to_vec();
                self.send_due = 0;
                self.heard = now;
                self.state = ClientState::SendingConnectionResponse;
                Fate::State(self.state)
            }
            (wire::KEEP_ALIVE, ClientState::SendingConnectionResponse) => {
                self.heard = now;
                self.state = ClientState::Connected;
                self.slot = (number(&body[..4]), number(&body[4..]));
                if let Some(attempt) = &self.attempt {
                    self.spent.push_back(attempt.nonce);
                }
                if self.spent.len() > 8 {
                    self.spent.pop_front();
                }
                Fate::State(self.state)
            }
            (wire::KEEP_ALIVE, _) => {
                self.heard = now;
                Fate::Handled
            }
            (wire::PAYLOAD, _) => {
                self.heard = now;
                Fate::Payload {
                    sequence,
                    body: body.to_vec(),
                }
            }
            _ => {
                self.state = ClientState::Disconnected;
                self.disconnects_left = 0;
                Fate::State(self.state)
            }
        }
    }

    /// Time at which each limit of the current state ends it, with the state that follows.
    fn limits(&self) -> Vec<(u64, ClientState)> {
        let Some(attempt) = self.attempt.as_ref().filter(|_| self.is_active()) else {
            return Vec::new();
        };
        let (total, silence) = match self.state {
            ClientState::SendingConnectionRequest => (true, ClientState::ConnectionRequestTimedOut),
            ClientState::SendingConnectionResponse => {
                (true, ClientState::ConnectionResponseTimedOut)
            }
            _ => (false, ClientState::ConnectionTimedOut),
        };
        let total = total.then_some((attempt.ends, ClientState::ConnectTokenExpired));
        let silence = attempt.timeout.map(|limit| (self.heard + limit, silence));
        total.into_iter().chain(silence).collect()
    }

    /// Datagrams that the client must send now. One that does not fit the caller's buffer stays due.
    pub(crate) fn poll(&mut self, now: u64, fits: bool) -> Vec<Sent> {
        let now = self.time.call(now);
        let mut sent = Vec::new();
        loop {
            let due = self.limits().into_iter().find(|(at, _)| *at <= now);
            if let Some((_, end)) = due {
                let state = match end {
                    ClientState::ConnectTokenExpired | ClientState::ConnectionTimedOut => end,
                    _ => self.next_server(now, end),
                };
                self.disconnects_left = 0;
                self.enter(state);
            }
            let Some(to) = self
                .attempt
                .as_ref()
                .and_then(|it| it.servers.get(it.position))
            else {
                return sent;
            };
            let to = *to;
            if !fits {
                return sent;
            }
            let kind = if self.disconnects_left > 0 {
                self.disconnects_left -= 1;
                wire::DISCONNECT
            } else if self.is_active() && self.send_due <= now {
                match self.state {
                    ClientState::SendingConnectionRequest => wire::REQUEST,
                    ClientState::SendingConnectionResponse => wire::RESPONSE,
                    _ => wire::KEEP_ALIVE,
                }
            } else {
                return sent;
            };
            sent.push(self.send(now, to, kind));
        }
    }

    /// Payload packet, if the client is connected.
    pub(crate) fn send_payload(&mut self, now: u64) -> Option<Sent> {
        let now = self.time.call(now);
        let to = self
            .server()
            .filter(|_| self.state == ClientState::Connected)?;
        Some(self.send(now, to, wire::PAYLOAD))
    }

    fn send(&mut self, now: u64, to: SocketAddr, kind: u8) -> Sent {
        self.send_due = now + 100_000;
        let sequence = (kind != wire::REQUEST).then_some(self.sequence);
        self.sequence += u64::from(sequence.is_some());
        Sent { to, kind, sequence }
    }

    /// Body that a packet of this type must have; `None` for a payload.
    pub(crate) fn body(&self, kind: u8) -> Option<&[u8]> {
        match kind {
            wire::RESPONSE => Some(&self.challenge),
            wire::KEEP_ALIVE => Some(&[0; 8]),
            wire::DISCONNECT => Some(&[]),
            _ => None,
        }
    }

    /// Latest time on the caller's clock at which the client must ask to be called again.
    pub(crate) fn latest_call(&self) -> Option<u64> {
        let limits = self.limits().into_iter().map(|(at, _)| at);
        let due = limits
            .chain(self.is_active().then_some(self.send_due))
            .min()?;
        Some(self.time.latest_call(due))
    }
}

fn positive(timeout: i32) -> Option<u64> {
    u64::try_from(timeout)
        .ok()
        .filter(|&seconds| seconds > 0)
        .map(|seconds| seconds * 1_000_000)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}
