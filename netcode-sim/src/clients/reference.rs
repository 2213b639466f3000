//! Model of the reference's client: the standard's state machine on the reference's timing, with
//! nothing of the core.
//!
//! It is called at a fixed rate by its owner's frames, sends when 100 ms have passed since its last
//! packet, judges silence with `<`, and moves to the next server of its token after a denial or a
//! timeout in the frame that follows.

use std::net::SocketAddr;

use netcode_core::client::ClientState as State;

use crate::backend::Ticket;
use crate::ground::Ground;
use crate::ledger::Maker;
use crate::model::{Received, check_clear};
use crate::wire;

/// Time between two frames, microseconds.
const FRAME: u64 = 33_333;

pub(crate) struct Reference {
    id: usize,
    pub(crate) state: State,
    attempt: Option<Attempt>,
    sequence: u64,
    received: Received,
    challenge: Vec<u8>,
    sent_at: Option<u64>,
    heard_at: u64,
    next_frame: u64,
    /// State to end in, or to leave for the next server, in the next frame.
    moves_on: Option<State>,
    /// Disconnect packets of the session that its owner ended.
    disconnects: Vec<(SocketAddr, Vec<u8>)>,
}

struct Attempt {
    request: Vec<u8>,
    to_server: [u8; 32],
    to_client: [u8; 32],
    protocol_id: u64,
    timeout: i32,
    servers: Vec<SocketAddr>,
    position: usize,
    ends: u64,
}

impl Reference {
    pub(crate) fn new(id: usize) -> Self {
        Self {
            id,
            state: State::Disconnected,
            attempt: None,
            sequence: 0,
            received: Received::default(),
            challenge: Vec::new(),
            sent_at: None,
            heard_at: 0,
            next_frame: 0,
            moves_on: None,
            disconnects: Vec::new(),
        }
    }

    pub(crate) fn server(&self) -> Option<SocketAddr> {
        let attempt = self.attempt.as_ref().filter(|_| self.state.is_active())?;
        attempt.servers.get(attempt.position).copied()
    }

    pub(crate) fn connect(&mut self, now: u64, ticket: &Ticket) -> bool {
        if self.state.is_active() {
            return false;
        }
        self.attempt = Some(Attempt {
            request: ticket.request.clone(),
            to_server: ticket.to_server,
            to_client: ticket.to_client,
            protocol_id: ticket.protocol_id,
            timeout: ticket.order.timeout,
            servers: ticket.order.public.clone(),
            position: 0,
            ends: now + ticket.order.lifetime * 1_000_000,
        });
        self.begin(now);
        true
    }

    fn begin(&mut self, now: u64) {
        self.state = State::SendingConnectionRequest;
        self.received = Received::default();
        self.sent_at = None;
        self.heard_at = now;
        self.moves_on = None;
    }

    pub(crate) fn disconnect(&mut self, g: &Ground) {
        let to = self.server();
        for _ in 0..10 {
            if let Some(to) = to {
                let packet = self.seal(g, wire::DISCONNECT, &[]);
                self.disconnects.extend(packet.map(|packet| (to, packet)));
            }
        }
        self.state = State::Disconnected;
    }

    fn seal(&mut self, g: &Ground, kind: u8, body: &[u8]) -> Option<Vec<u8>> {
        let attempt = self.attempt.as_ref()?;
        let packet = wire::seal(
            &attempt.to_server,
            attempt.protocol_id,
            kind,
            self.sequence,
            body,
        );
        self.sequence += 1;
        let mut ledger = g.ledger.borrow_mut();
        ledger.record_packet(
            Maker::Client(self.id),
            &attempt.to_server,
            attempt.protocol_id,
            &packet,
            body,
        );
        Some(packet)
    }

    pub(crate) fn send(
        &mut self,
        g: &Ground,
        now: u64,
        payload: &[u8],
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let to = self.server().filter(|_| self.state == State::Connected)?;
        self.sent_at = Some(now);
        let packet = self.seal(g, wire::PAYLOAD, payload)?;
        Some((to, packet))
    }

    /// One frame, if it is time.
    pub(crate) fn poll(&mut self, g: &mut Ground, now: u64) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = std::mem::take(&mut self.disconnects);
        if now < self.next_frame {
            return sent;
        }
        self.next_frame = now + FRAME;
        if !self.state.is_active() {
            return sent;
        }
        self.check_time(g, now);
        let due = self.sent_at.is_none_or(|at| now >= at + 100_000);
        let Some(to) = self.server().filter(|_| due) else {
            return sent;
        };
        let packet = match self.state {
            State::SendingConnectionRequest => self.attempt.as_ref().map(|it| it.request.clone()),
            State::SendingConnectionResponse => {
                self.seal(g, wire::RESPONSE, &self.challenge.clone())
            }
            _ => self.seal(g, wire::KEEP_ALIVE, &[0; 8]),
        };
        self.sent_at = Some(now);
        sent.extend(packet.map(|packet| (to, packet)));
        sent
    }

    fn check_time(&mut self, g: &mut Ground, now: u64) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        let connecting = self.state != State::Connected;
        if connecting && now >= attempt.ends {
            self.state = State::ConnectTokenExpired;
            return;
        }
        let timeout = u64::try_from(attempt.timeout).unwrap_or(0) * 1_000_000;
        let silent = timeout > 0 && self.heard_at + timeout < now;
        let failure = match self.state {
            _ if self.moves_on.is_some() => self.moves_on,
            State::SendingConnectionRequest if silent => Some(State::ConnectionRequestTimedOut),
            State::SendingConnectionResponse if silent => Some(State::ConnectionResponseTimedOut),
            State::Connected if silent => Some(State::ConnectionTimedOut),
            _ => None,
        };
        let Some(failure) = failure else {
            return;
        };
        g.coverage.note(if self.moves_on.is_some() {
            "reference client: denied"
        } else {
            "reference client: timed out"
        });
        attempt.position += 1;
        if connecting && attempt.position < attempt.servers.len() {
            self.begin(now);
        } else {
            self.state = failure;
        }
    }

    /// Processes a datagram; returns the sequence of a payload that was delivered.
    pub(crate) fn receive(
        &mut self,
        g: &mut Ground,
        now: u64,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<u64> {
        if self.server() != Some(from) {
            return None;
        }
        let accepted = [
            wire::DENIED,
            wire::CHALLENGE,
            wire::KEEP_ALIVE,
            wire::PAYLOAD,
            wire::DISCONNECT,
        ];
        let clear = check_clear(datagram, &accepted).ok()?;
        let protected = clear.kind >= wire::KEEP_ALIVE;
        if protected && self.received.is_replay(clear.sequence) {
            return None;
        }
        let attempt = self.attempt.as_ref()?;
        let (clear, body) = wire::open(&attempt.to_client, attempt.protocol_id, datagram)?;
        if protected {
            self.received.mark(clear.sequence);
        }
        match (clear.kind, self.state) {
            (wire::DENIED, State::SendingConnectionRequest | State::SendingConnectionResponse) => {
                self.moves_on = Some(State::ConnectionDenied);
            }
            (wire::CHALLENGE, State::SendingConnectionRequest) => {
                self.challenge = body;
                self.state = State::SendingConnectionResponse;
                self.sent_at = None;
            }
            (wire::KEEP_ALIVE, State::SendingConnectionResponse) => {
                g.coverage.note("reference client: connected");
                self.state = State::Connected;
            }
            (wire::KEEP_ALIVE | wire::PAYLOAD, State::Connected) => {}
            (wire::DISCONNECT, State::Connected) => self.state = State::Disconnected,
            _ => return None,
        }
        self.heard_at = now;
        (clear.kind == wire::PAYLOAD).then_some(clear.sequence)
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        (self.state.is_active() || !self.disconnects.is_empty()).then_some(self.next_frame)
    }
}
