//! The core's client with its model beside it.

use std::net::SocketAddr;

use netcode_core::client::{Client, ClientState, ConnectError, Event, Received};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{Dropped, Instant, UnixTime};

use crate::backend::Ticket;
use crate::ground::{Checked, Ground, check, violation};
use crate::ledger::{Maker, Witness};
use crate::model::Sent;
use crate::model::client::{ClientModel, Connect, Fate};
use crate::wire;

const AGREE: &str = "core and model agree";

pub(crate) struct Ours {
    id: usize,
    core: Client<Witness>,
    pub(crate) model: ClientModel,
    /// State that the events have reported.
    reported: ClientState,
    counts: [u64; 3],
    /// Buffers are too short at first.
    pub(crate) short_buffers: bool,
}

impl Ours {
    pub(crate) fn new(id: usize, g: &Ground) -> Self {
        let witness = Witness {
            ledger: g.ledger.clone(),
            maker: Maker::Client(id),
        };
        Self {
            id,
            core: Client::with_crypto(witness),
            model: ClientModel::new(),
            reported: ClientState::Disconnected,
            counts: [0; 3],
            short_buffers: false,
        }
    }

    pub(crate) fn connect(&mut self, g: &mut Ground, now: u64, ticket: usize) -> Checked<Connect> {
        let ticket: &Ticket = &g.backend.tickets[ticket];
        let expected = self.model.connect(now, ticket);
        let result = self.core.connect(Instant::from_micros(now), &ticket.token);
        let actual = match result {
            Ok(()) => Connect::Begins,
            Err(ConnectError::Active) => Connect::Active,
            Err(ConnectError::Token(_)) => Connect::Invalid,
            Err(ConnectError::Spent) => Connect::Spent,
            Err(ConnectError::Expired) => Connect::Expired,
            Err(ConnectError::NotNewer) => Connect::NotNewer,
            Err(other) => return violation(AGREE, format!("connect: {other}")),
        };
        if actual == Connect::Begins {
            self.counts = [0; 3];
        }
        g.coverage.note(format!("connect: {actual:?}"));
        check(actual == expected, AGREE, || {
            format!("connect: {actual:?}, not {expected:?}")
        })?;
        Ok(actual)
    }

    pub(crate) fn accept_only_newer_than(&mut self, newest: u64) {
        self.core
            .accept_only_newer_than(UnixTime::from_secs(newest));
        self.model.newest = Some(newest);
    }

    pub(crate) fn newest(&self) -> u64 {
        self.core.newest_token().map_or(0, UnixTime::as_secs)
    }

    pub(crate) fn tell_date(&mut self, now: u64, unix: u64) {
        self.core
            .set_unix_time(Instant::from_micros(now), UnixTime::from_secs(unix));
        self.model.tell_date(now, unix);
    }

    pub(crate) fn disconnect(&mut self, now: u64) {
        self.core.disconnect(Instant::from_micros(now));
        self.model.disconnect(now);
    }

    pub(crate) fn skip_server(&mut self, now: u64) {
        self.core.skip_server(Instant::from_micros(now));
        self.model.skip_server(now);
    }

    /// Payload packet, if connected.
    pub(crate) fn send(
        &mut self,
        g: &mut Ground,
        now: u64,
        payload: &[u8],
    ) -> Checked<Option<(SocketAddr, Vec<u8>)>> {
        let mut out = [0; MAX_DATAGRAM_BYTES];
        let wanted = self.model.send_payload(now);
        let sent = match self.core.send(Instant::from_micros(now), payload, &mut out) {
            Ok(sent) => sent.map(|it| (it.to, it.datagram.to_vec())),
            Err(error) => return violation(AGREE, format!("send: {error}")),
        };
        match (&sent, wanted) {
            (Some((to, bytes)), Some(wanted)) => {
                self.check_packet(g, *to, bytes, &wanted, Some(payload))?;
            }
            (None, None) => {}
            _ => return violation(AGREE, "one of core and model is not connected"),
        }
        Ok(sent)
    }

    /// Everything that is due.
    pub(crate) fn poll(&mut self, g: &mut Ground, now: u64) -> Checked<Vec<(SocketAddr, Vec<u8>)>> {
        if self.short_buffers {
            g.coverage.note("fault: short buffer");
            self.model.poll(now, false);
            let mut short = [0; 12];
            let sent = self
                .core
                .poll_transmit(Instant::from_micros(now), &mut short);
            check(sent.is_none(), AGREE, || "a datagram of 12 bytes".into())?;
        }
        let wanted = self.model.poll(now, true);
        let mut out = [0; MAX_DATAGRAM_BYTES];
        let mut sent = Vec::new();
        while let Some(transmit) = self.core.poll_transmit(Instant::from_micros(now), &mut out) {
            sent.push((transmit.to, transmit.datagram.to_vec()));
            check(sent.len() < 100, "deadlines never spin", || {
                "poll_transmit does not end".into()
            })?;
        }
        let kinds: Vec<_> = sent.iter().map(|(_, bytes)| bytes[0] & 15).collect();
        check(sent.len() == wanted.len(), AGREE, || {
            format!("the client sends types {kinds:?}, not {wanted:?}")
        })?;
        for ((to, bytes), wanted) in sent.iter().zip(&wanted) {
            self.check_packet(g, *to, bytes, wanted, None)?;
        }
        self.take_events(g)?;
        Ok(sent)
    }

    fn take_events(&mut self, g: &mut Ground) -> Checked {
        while let Some(event) = self.core.poll_event() {
            let Event::StateChanged(state) = event else {
                return violation(AGREE, format!("a polled event: {event:?}"));
            };
            let expected = self.model.events.pop_front();
            check(expected == Some(state), AGREE, || {
                format!("event {state:?}, not {expected:?}")
            })?;
            self.enter(g, state);
        }
        let left = &self.model.events;
        check(left.is_empty(), "no event is lost", || {
            format!("{left:?} were not reported")
        })?;
        check(
            self.reported == self.core.state(),
            "no event is lost",
            || {
                format!(
                    "the last event was {:?}, the state is {:?}",
                    self.reported,
                    self.core.state()
                )
            },
        )
    }

    fn enter(&mut self, g: &mut Ground, state: ClientState) {
        let (id, before) = (self.id, self.reported);
        let before = if before.is_active() {
            before
        } else {
            ClientState::Disconnected
        };
        g.trace
            .line(g.time, format!("client {id}"), || format!("is {state}"));
        g.coverage.note(format!("client: {before} -> {state}"));
        self.reported = state;
    }

    fn check_packet(
        &mut self,
        g: &Ground,
        to: SocketAddr,
        bytes: &[u8],
        wanted: &Sent,
        payload: Option<&[u8]>,
    ) -> Checked {
        self.counts[1] += 1;
        self.counts[2] += bytes.len() as u64;
        let kind = bytes[0] & 15;
        let right = to == wanted.to && kind == wanted.kind;
        check(right, AGREE, || {
            format!("packet type {kind} to {to}, not {wanted:?}")
        })?;
        let Some(sequence) = wanted.sequence else {
            let request = g
                .backend
                .find(&bytes[bytes.len() - 16..])
                .map(|it| &g.backend.tickets[it].request);
            return check(request.is_some_and(|it| it == bytes), AGREE, || {
                "a request is not its token's".into()
            });
        };
        check(wire::is_shortest(bytes), AGREE, || {
            "a sequence is longer than it need be".into()
        })?;
        let ledger = g.ledger.borrow();
        let Some(seal) = ledger
            .find(bytes)
            .filter(|seal| seal.maker == Maker::Client(self.id))
        else {
            return violation(AGREE, "a packet was not sealed");
        };
        let ticket = g.backend.find_key(&seal.key);
        let Some((ticket, true)) = ticket else {
            return violation(AGREE, "a packet is not sealed with the key to the server");
        };
        let ticket = &g.backend.tickets[ticket];
        let data = seal.data == wire::packet_data(ticket.protocol_id, bytes[0])
            && ticket.order.public.contains(&to);
        check(data, AGREE, || {
            "a packet has other associated data, or goes to another server".into()
        })?;
        check(seal.sequence == sequence, AGREE, || {
            format!("sequence {}, not {sequence}", seal.sequence)
        })?;
        let body = payload.or(self.model.body(kind)).unwrap_or_default();
        check(seal.body == body, AGREE, || {
            format!("packet type {kind} has another body")
        })
    }

    /// Passes a datagram to both; returns the payload that was delivered.
    pub(crate) fn receive(
        &mut self,
        g: &mut Ground,
        now: u64,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Checked<Option<u64>> {
        let fate = self.model.receive(now, from, bytes, &g.ledger.borrow());
        let opens = g.ledger.borrow().opens;
        let mut buffer = bytes.to_vec();
        let result = self
            .core
            .handle_datagram(Instant::from_micros(now), from, &mut buffer);
        let id = self.id;
        g.trace.line(g.time, format!("client {id}"), || {
            format!("{} => {result:?}", crate::trace::words(from, from, bytes))
                .chars()
                .take(160)
                .collect()
        });
        let actual = match result {
            Err(reason) => Fate::Dropped(reason),
            Ok(Received::Handled) => Fate::Handled,
            Ok(Received::Event(Event::StateChanged(state))) => Fate::State(state),
            Ok(Received::Event(Event::Payload { sequence, payload })) => Fate::Payload {
                sequence: sequence.0,
                body: buffer.get(payload).unwrap_or_default().to_vec(),
            },
            Ok(other) => return violation(AGREE, format!("{other:?}")),
        };
        check(actual == fate, AGREE, || {
            format!("{actual:?}, not {fate:?}")
                .chars()
                .take(300)
                .collect()
        })?;
        match actual {
            Fate::Dropped(reason) => {
                g.coverage.note_drop("client", reason);
                self.counts[0] += 1;
                let opened = g.ledger.borrow().opens - opens;
                let most = u64::from(reason == Dropped::Unauthentic);
                check(
                    opened <= most,
                    "a drop costs no more than its check",
                    || format!("{reason:?} after {opened} decryptions"),
                )?;
                Ok(None)
            }
            Fate::State(state) => {
                self.enter(g, state);
                if state == ClientState::Connected {
                    let slot = self.core.client_index().zip(self.core.max_clients());
                    let slot = slot.map(|(index, most)| (index.0, most));
                    check(slot == Some(self.model.slot), AGREE, || {
                        format!("slot {slot:?}")
                    })?;
                }
                Ok(None)
            }
            Fate::Payload { sequence, .. } => {
                check(
                    self.reported == ClientState::Connected,
                    "payloads come between connect and disconnect",
                    || format!("in state {}", self.reported),
                )?;
                Ok(Some(sequence))
            }
            Fate::Handled => Ok(None),
        }
    }

    /// Time of the next call on the caller's clock, checked.
    pub(crate) fn deadline(&self, now: u64) -> Checked<Option<u64>> {
        check(self.core.state() == self.model.state, AGREE, || {
            format!("state {:?}", self.core.state())
        })?;
        check(
            self.core.server_address() == self.model.server(),
            AGREE,
            || format!("server {:?}", self.core.server_address()),
        )?;
        let asked = self.core.next_deadline().map(Instant::as_micros);
        let latest = self.model.latest_call();
        let late = latest.is_some_and(|latest| asked.is_none_or(|asked| asked > latest));
        check(!late, "deadlines are honoured", || {
            format!("asks for {asked:?}, needs {latest:?} at {now}")
        })?;
        let due = asked.is_some_and(|asked| asked <= now);
        check(!due, "deadlines never spin", || {
            format!("asks for {asked:?} at {now}")
        })?;
        let left = self.model.attempt_left();
        check(left != Some(0), "attempts end within their time", || {
            "the attempt goes on".into()
        })?;
        let stats = self.core.stats();
        let sent = (stats.datagrams_out, stats.bytes_out);
        check(
            sent == (self.counts[1], self.counts[2]),
            "counters add up",
            || format!("sent {sent:?}"),
        )?;
        Ok(asked)
    }
}
