//! Servers: the core with its model beside it, a clock, a socket's buffer and an application.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use netcode_core::address::AddressList;
use netcode_core::crypto::Key;
use netcode_core::server::{
    Capacity, Event, MAX_SEND_BYTES, Received, ReconnectRule, RestartRule, Server, ServerConfig,
    SourceLimit, Storage,
};
use netcode_core::{ClientIndex, Dropped, Instant, ProtocolId, UnixTime};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::backend::{EPOCH, PRIVATE_KEY, PROTOCOL};
use crate::clock::HostClock;
use crate::ground::{Checked, Ground, check, violation};
use crate::ledger::{Maker, Witness};
use crate::model::Sent;
use crate::model::server::{Fate, Pending, ServerModel};
use crate::model::tables::Rules;
use crate::plan::{LATECOMER, SECOND, ServerPlan, generator, internal_address, server_address};
use crate::wire;

/// Time for each datagram of the turn of a shell that reads several before it drains.
const LONGEST_TURN: u64 = 8_000;

const AGREE: &str = "core and model agree";

/// Result of a datagram, in owned form.
#[derive(Debug)]
enum Actual {
    Dropped(Dropped),
    Event(Event<Vec<u8>>),
    Reply(SocketAddr, Vec<u8>),
    Handled,
}

pub(crate) struct ServerHost {
    pub(crate) id: usize,
    plan: ServerPlan,
    pub(crate) address: SocketAddr,
    core: Server<'static, Witness>,
    pub(crate) model: ServerModel,
    pub(crate) clock: HostClock,
    /// Virtual time of the next call.
    pub(crate) wake: Option<u64>,
    app_due: u64,
    /// Datagrams that wait while the process is suspended, and how many may.
    inbox: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(crate) suspended: Option<usize>,
    pub(crate) short_buffers: bool,
    /// Datagrams processed since the last drain.
    turn: u32,
    challenge_sequence: u64,
    /// Id of the client of each slot, by the events alone.
    sessions: Vec<Option<u64>>,
    counted: Counted,
    /// Slot of a client that the application will not have.
    unwanted: Option<usize>,
    /// Latest reason for which the datagrams of each address were dropped or denied.
    pub(crate) refusals: BTreeMap<SocketAddr, Option<Dropped>>,
    pub(crate) payloads_from: BTreeMap<u64, u64>,
    rng: StdRng,
    /// Added to the date that the server is told, seconds.
    pub(crate) date_error: i64,
    starts: u64,
}

/// Counters that the server's own must equal.
#[derive(Debug, Default)]
struct Counted {
    datagrams_in: u64,
    bytes_in: u64,
    datagrams_out: u64,
    bytes_out: u64,
    payloads_in: u64,
    payloads_out: u64,
    challenges: u64,
    denied: u64,
    connects: u64,
    dropped: BTreeMap<&'static str, u64>,
}

impl ServerHost {
    pub(crate) fn new(id: usize, plan: &ServerPlan, g: &mut Ground, seed: u64) -> Checked<Self> {
        let mut rng = generator(seed, 1000 + id as u64);
        let clock = HostClock::new(plan.clock.origin, plan.clock.drift_ppm);
        let (core, model) = create(id, plan, g);
        let app_due = rng.random_range(0..plan.send_every);
        let mut host = Self {
            id,
            plan: plan.clone(),
            address: server_address(id),
            core,
            model,
            clock,
            wake: Some(0),
            app_due,
            inbox: VecDeque::new(),
            suspended: None,
            short_buffers: false,
            turn: 0,
            challenge_sequence: 0,
            sessions: vec![None; plan.max_clients as usize],
            counted: Counted::default(),
            unwanted: None,
            refusals: BTreeMap::new(),
            payloads_from: BTreeMap::new(),
            rng,
            date_error: 0,
            starts: 0,
        };
        host.start(g)?;
        Ok(host)
    }

    fn now(&self, g: &Ground) -> u64 {
        self.clock.read(g.time)
    }

    fn unix(&self, g: &Ground) -> u64 {
        (EPOCH + g.time / SECOND).saturating_add_signed(self.date_error)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.core.is_running()
    }

    pub(crate) fn start(&mut self, g: &mut Ground) -> Checked {
        let (now, unix) = (self.now(g), self.unix(g));
        self.starts += 1;
        // Hardware randomness: another for every start.
        let mut seed = [0; 8];
        self.rng.fill_bytes(&mut seed);
        let mut rng = generator(
            u64::from_le_bytes(seed),
            3000 + self.id as u64 + 100 * self.starts,
        );
        let started = self.core.start(
            Instant::from_micros(now),
            UnixTime::from_secs(unix),
            &mut rng,
        );
        self.model.start(now, unix, &g.ledger.borrow());
        self.challenge_sequence = 0;
        check(started.is_ok(), AGREE, || format!("start: {started:?}"))
    }

    pub(crate) fn stop(&mut self, g: &mut Ground) -> Checked {
        let now = self.now(g);
        self.core.stop(Instant::from_micros(now));
        self.model.stop(now);
        self.drain(g)
    }

    /// Loses all memory, as a process that was killed; the caller starts it again.
    pub(crate) fn forget_all(&mut self, g: &mut Ground) {
        if self.plan.refuse_older.is_none() {
            // Tokens are admitted again, and their sessions begin anew under the same keys.
            for ticket in 0..g.backend.tickets.len() {
                g.forgive(ticket);
            }
        }
        (self.core, self.model) = create(self.id, &self.plan, g);
        self.sessions.fill(None);
        self.counted = Counted::default();
        self.unwanted = None;
        self.turn = 0;
    }

    pub(crate) fn kick(&mut self, g: &mut Ground) -> Checked {
        let now = self.now(g);
        let slots: Vec<_> = self.model.connected().map(|(id, _)| id).collect();
        let Some(&slot) = slots.get(self.rng.random_range(0..slots.len().max(1))) else {
            return Ok(());
        };
        let kicked = self.core.disconnect(Instant::from_micros(now), index(slot));
        let expected = self.model.disconnect(now, slot);
        check(kicked == expected, AGREE, || {
            format!("disconnect of slot {slot}: {kicked}")
        })?;
        self.end_turn(g)
    }

    /// The application ends the session of a client that it will not have, in the turn in which it
    /// connected.
    fn turn_away(&mut self, g: &Ground) -> Checked {
        let Some(slot) = self.unwanted.take() else {
            return Ok(());
        };
        let now = self.now(g);
        let done = self.core.disconnect(Instant::from_micros(now), index(slot));
        let expected = self.model.disconnect(now, slot);
        check(done == expected, AGREE, || {
            format!("disconnect of slot {slot}: {done}")
        })
    }

    /// Drains at once, or when the turn of a busy shell ends.
    fn end_turn(&mut self, g: &mut Ground) -> Checked {
        self.turn_away(g)?;
        if self.turn >= self.plan.turn || self.plan.turn == 1 {
            return self.drain(g);
        }
        let latest = g.time + LONGEST_TURN * u64::from(self.plan.turn);
        let wake = self.wake.unwrap_or(u64::MAX);
        self.wake = Some(wake.clamp(g.time, latest));
        Ok(())
    }

    /// A datagram has arrived at the host.
    pub(crate) fn arrive(&mut self, g: &mut Ground, from: SocketAddr, bytes: Vec<u8>) -> Checked {
        match self.suspended {
            Some(room) if self.inbox.len() >= room => {
                g.coverage.note("fault: full buffer");
                g.network.count.lost += 1;
                Ok(())
            }
            Some(_) => {
                self.inbox.push_back((from, bytes));
                Ok(())
            }
            None => self.take(g, from, &bytes),
        }
    }

    fn take(&mut self, g: &mut Ground, from: SocketAddr, bytes: &[u8]) -> Checked {
        g.network.count.landed += 1;
        self.receive(g, from, bytes)?;
        self.turn += 1;
        self.end_turn(g)
    }

    pub(crate) fn inbox_len(&self) -> u64 {
        self.inbox.len() as u64
    }

    /// The process runs again and reads what waited.
    pub(crate) fn resume(&mut self, g: &mut Ground) -> Checked {
        self.suspended = None;
        while let Some((from, bytes)) = self.inbox.pop_front() {
            self.take(g, from, &bytes)?;
        }
        self.drain(g)
    }

    fn receive(&mut self, g: &mut Ground, from: SocketAddr, bytes: &[u8]) -> Checked {
        let now = self.now(g);
        g.server_received(self.id, from, bytes.len());
        self.counted.datagrams_in += 1;
        self.counted.bytes_in += bytes.len() as u64;
        let prediction = self
            .model
            .receive(now, from, bytes, &g.ledger.borrow(), &g.backend);
        let (opens, seals) = {
            let ledger = g.ledger.borrow();
            (ledger.opens, ledger.seals.len())
        };
        let mut buffer = bytes.to_vec();
        let mut event = None;
        let mut actual =
            match self
                .core
                .handle_datagram(Instant::from_micros(now), from, &mut buffer)
            {
                Err(reason) => Actual::Dropped(reason),
                Ok(Received::Handled) => Actual::Handled,
                Ok(Received::Reply(reply)) => Actual::Reply(reply.to, reply.datagram.to_vec()),
                Ok(Received::Event(reported)) => {
                    event = Some(reported);
                    Actual::Handled
                }
            };
        if let Some(event) = event {
            let payload = |place| {
                buffer
                    .get::<std::ops::Range<usize>>(place)
                    .unwrap_or_default()
                    .to_vec()
            };
            actual = Actual::Event(event.map_payload(payload));
        }
        g.trace.line(g.time, format!("server {}", self.id), || {
            format!(
                "{} => {actual:?}",
                crate::trace::words(from, self.address, bytes)
            )
            .chars()
            .take(160)
            .collect()
        });
        let dropped = match actual {
            Actual::Dropped(reason) => Some(reason),
            _ => None,
        };
        self.model.commit(&prediction, dropped);
        if let Some(reason) = dropped {
            *self.counted.dropped.entry(reason.name()).or_default() += 1;
            self.refusals.insert(from, Some(reason));
            g.coverage.note_drop("server", reason);
            let expected =
                prediction.fate == Fate::Dropped(reason) || prediction.or_dropped.contains(&reason);
            check(expected, AGREE, || {
                format!("dropped as {reason:?}, not {:?}", prediction.fate)
            })?;
            let opened = g.ledger.borrow().opens - opens;
            return check(
                opened <= most_opens(reason),
                "a drop costs no more than its check",
                || format!("{reason:?} after {opened} decryptions"),
            );
        }
        self.verify(g, from, bytes, &prediction.fate, actual, seals)
    }

    /// Compares a result other than a drop with the model's.
    fn verify(
        &mut self,
        g: &mut Ground,
        from: SocketAddr,
        bytes: &[u8],
        fate: &Fate,
        actual: Actual,
        seals: usize,
    ) -> Checked {
        match (fate, actual) {
            (&Fate::Challenge { ticket }, Actual::Reply(to, reply)) if to == from => {
                g.coverage.note("server: challenge");
                self.counted.challenges += 1;
                check(reply.len() < bytes.len(), "no amplification", || {
                    "a reply is longer than its request".into()
                })?;
                let challenge = self.check_challenge(g, ticket, &reply, seals)?;
                self.model.challenged(ticket, from, challenge);
                self.launch(g, to, &reply)
            }
            (&Fate::Denied { ticket }, Actual::Reply(to, reply)) if to == from => {
                g.coverage.note("server: denied");
                self.counted.denied += 1;
                self.refusals.insert(from, None);
                check(reply.len() < bytes.len(), "no amplification", || {
                    "a reply is longer than its request".into()
                })?;
                self.check_global(g, ticket, &reply, wire::DENIED)?;
                self.launch(g, to, &reply)
            }
            (
                &Fate::Connected { half_open },
                Actual::Event(Event::Connected { client, client_id }),
            ) => {
                let slot = client.index();
                let free = self.model.slots.get(slot).is_some_and(Option::is_none);
                check(free, AGREE, || format!("slot {slot} is not free"))?;
                self.model.joined(half_open, slot, &g.backend);
                g.address_proved(self.id, from);
                self.check_joined(g, slot)?;
                let picky = self.plan.turn > 1 && client_id.0 != LATECOMER;
                if picky && self.rng.random_range(0..8) == 0 {
                    self.unwanted = Some(slot);
                }
                self.event(g, &Event::Connected { client, client_id })
            }
            (&Fate::Replaced { slot, half_open }, Actual::Reply(to, reply)) => {
                g.coverage.note("server: replaced");
                g.address_proved(self.id, from);
                let old = self.model.slots[slot].as_ref().map_or(0, |old| old.ticket);
                let Some(sent) = self.model.joined(half_open, slot, &g.backend) else {
                    return violation(AGREE, "no session was replaced");
                };
                self.check_joined(g, slot)?;
                check(to == sent.to, AGREE, || {
                    format!("the old session's disconnect goes to {to}")
                })?;
                let key = g.backend.tickets[old].to_client;
                self.check_packet(g, &reply, &key, &sent, &[])?;
                self.launch(g, to, &reply)
            }
            (Fate::KeepAlive { .. }, Actual::Handled) => Ok(()),
            (
                Fate::Payload {
                    slot,
                    sequence,
                    body,
                },
                Actual::Event(Event::Payload {
                    client,
                    sequence: seen,
                    payload,
                }),
            ) => {
                let same = client.index() == *slot && seen.0 == *sequence && payload == *body;
                check(same, AGREE, || {
                    format!("another payload, of slot {client}, sequence {seen}")
                })?;
                self.counted.payloads_in += 1;
                if let Some(slot) = self.model.slots[*slot].as_ref() {
                    *self.payloads_from.entry(slot.client_id).or_default() += 1;
                    g.parcel_delivered(slot.ticket, true, *sequence, self.id)?;
                }
                self.event(
                    g,
                    &Event::Payload {
                        client,
                        sequence: seen,
                        payload,
                    },
                )
            }
            (
                Fate::Disconnected { slot },
                Actual::Event(event @ Event::Disconnected { client, .. }),
            ) if client.index() == *slot => self.event(g, &event),
            (fate, actual) => violation(
                AGREE,
                format!("{actual:?}, not {fate:?}")
                    .chars()
                    .take(300)
                    .collect::<String>(),
            ),
        }
    }

    /// Checks the slot that a client was given.
    fn check_joined(&mut self, g: &Ground, id: usize) -> Checked {
        self.counted.connects += 1;
        let slot = self.model.slots[id].as_ref();
        let Some((slot, info)) = slot.zip(self.core.client(index(id))) else {
            return violation(AGREE, format!("no client in slot {id}"));
        };
        let ticket = &g.backend.tickets[slot.ticket];
        let same = info.client_id.0 == slot.client_id
            && info.address == Some(slot.from)
            && info.user_data.0 == ticket.user_data
            && info.timeout.as_secs() == ticket.order.timeout
            && !info.confirmed;
        check(same, AGREE, || {
            format!("slot {id} holds another client: {info:?}")
        })
    }

    /// Checks a challenge; returns the seal of its token.
    fn check_challenge(
        &mut self,
        g: &Ground,
        ticket: usize,
        reply: &[u8],
        seals: usize,
    ) -> Checked<usize> {
        let body = self.check_global(g, ticket, reply, wire::CHALLENGE)?;
        let sequence = u64::from_le_bytes(body[..8].try_into().unwrap_or_default());
        let ledger = g.ledger.borrow();
        let Some(token) = ledger
            .find_challenge(sequence, &body[8..])
            .filter(|&id| id >= seals)
        else {
            return violation(AGREE, "the challenge token is not new");
        };
        let plain = &ledger.seals[token].body;
        let minted = &g.backend.tickets[ticket];
        let right =
            plain[..8] == minted.order.client_id.to_le_bytes() && plain[8..264] == minted.user_data;
        check(right, AGREE, || {
            "the challenge token is for another client".into()
        })?;
        let expected = self.challenge_sequence;
        self.challenge_sequence += 1;
        check(sequence == expected, AGREE, || {
            format!("challenge sequence {sequence}, not {expected}")
        })?;
        Ok(token)
    }

    /// Checks a packet outside any session; returns its body.
    fn check_global(&self, g: &Ground, ticket: usize, reply: &[u8], kind: u8) -> Checked<Vec<u8>> {
        let ledger = g.ledger.borrow();
        let key = g.backend.tickets[ticket].to_client;
        let seal = ledger
            .find(reply)
            .filter(|seal| seal.key == key && seal.maker == Maker::Server(self.id));
        let right = seal.filter(|seal| {
            seal.data == wire::packet_data(PROTOCOL, reply[0])
                && reply[0] & 15 == kind
                && seal.sequence >> 63 == 1
        });
        match right {
            Some(seal) => Ok(seal.body.clone()),
            None => violation(
                AGREE,
                format!("not a {} of the right form", wire::NAMES[usize::from(kind)]),
            ),
        }
    }

    /// Checks a packet of a session against what the model wants sent.
    fn check_packet(
        &mut self,
        g: &Ground,
        bytes: &[u8],
        key: &[u8; 32],
        want: &Sent,
        body: &[u8],
    ) -> Checked {
        let ledger = g.ledger.borrow();
        let seal = ledger.find(bytes).filter(|seal| {
            seal.key == *key
                && seal.maker == Maker::Server(self.id)
                && seal.data == wire::packet_data(PROTOCOL, bytes[0])
        });
        let Some(seal) = seal else {
            return violation(AGREE, "a packet is not sealed with its session's key");
        };
        let kind = bytes[0] & 15;
        check(kind == want.kind, AGREE, || {
            format!("packet type {kind}, not {}", want.kind)
        })?;
        match want.sequence {
            Some(sequence) => check(seal.sequence == sequence, AGREE, || {
                format!("sequence {:#x}, not {sequence:#x}", seal.sequence)
            })?,
            None => {
                let own = seal.sequence >> 63 == 0 && seal.sequence >> 47 & 1 == 1;
                check(own, AGREE, || {
                    format!("session with other servers begins at {:#x}", seal.sequence)
                })?;
                self.model.saw_sequence(want.to, seal.sequence);
            }
        }
        check(kind == wire::PAYLOAD || seal.body == body, AGREE, || {
            "a packet has another body".into()
        })
    }

    fn launch(&mut self, g: &mut Ground, to: SocketAddr, bytes: &[u8]) -> Checked {
        self.counted.datagrams_out += 1;
        self.counted.bytes_out += bytes.len() as u64;
        g.server_sent(self.id, to, bytes.len())?;
        g.launch(self.address, to, bytes);
        g.check_nonces()
    }

    /// Takes all datagrams and events that are due.
    pub(crate) fn drain(&mut self, g: &mut Ground) -> Checked {
        self.turn = 0;
        let now = self.now(g);
        if self.short_buffers && self.rng.random_range(0..4) == 0 {
            g.coverage.note("fault: short buffer");
            self.model.poll(now, false);
            let mut short = [0; 12];
            let sent = self
                .core
                .poll_transmit(Instant::from_micros(now), &mut short);
            check(sent.is_none(), AGREE, || "a datagram of 12 bytes".into())?;
        }
        let mut wanted = self.model.poll(now, true);
        let mut out = [0; MAX_SEND_BYTES];
        let mut sent = Vec::new();
        while let Some(transmit) = self.core.poll_transmit(Instant::from_micros(now), &mut out) {
            sent.push((transmit.to, transmit.datagram.to_vec()));
            check(sent.len() < 1_000, "deadlines never spin", || {
                "poll_transmit does not end".into()
            })?;
        }
        for (to, bytes) in sent {
            let kind = bytes[0] & 15;
            let sequence = wire::clear(&bytes).map(|clear| clear.sequence);
            let fits = |it: &Sent| it.to == to && it.kind == kind;
            let exact = wanted
                .iter()
                .position(|it| fits(it) && it.sequence == sequence);
            let Some(at) = exact.or_else(|| wanted.iter().position(fits)) else {
                let name = wire::NAMES[usize::from(kind).min(6)];
                return violation(
                    AGREE,
                    format!("the server sends a {name} to {to} that is not due"),
                );
            };
            let want = wanted.remove(at);
            let (id, key) = self.session_of(g, to, &bytes)?;
            let body = self.keep_alive_body(id);
            let body = if kind == wire::KEEP_ALIVE {
                &body[..]
            } else {
                &[]
            };
            self.check_packet(g, &bytes, &key, &want, body)?;
            self.launch(g, to, &bytes)?;
        }
        check(wanted.is_empty(), AGREE, || {
            format!("the server does not send {wanted:?}")
        })?;
        self.take_events(g)?;
        self.model.drained();
        self.check_state(g)
    }

    /// Slot whose session sealed a packet to an address, and its key.
    fn session_of(&self, g: &Ground, to: SocketAddr, bytes: &[u8]) -> Checked<(usize, [u8; 32])> {
        let ledger = g.ledger.borrow();
        let key = ledger.find(bytes).map(|seal| seal.key);
        let slots = self.model.slots.iter().enumerate();
        let mut slots = slots.filter_map(|(id, slot)| Some((id, slot.as_ref()?)));
        let found = slots.find_map(|(id, slot)| {
            let own = g.backend.tickets[slot.ticket].to_client;
            (slot.from == to && Some(own) == key).then_some((id, own))
        });
        match found {
            Some(found) => Ok(found),
            None => violation(AGREE, format!("a packet to {to} is of no session there")),
        }
    }

    fn keep_alive_body(&self, slot: usize) -> Vec<u8> {
        let slot = u32::try_from(slot).unwrap_or(u32::MAX).to_le_bytes();
        [slot, self.plan.max_clients.to_le_bytes()].concat()
    }

    fn take_events(&mut self, g: &mut Ground) -> Checked {
        while let Some(event) = self.core.poll_event() {
            let event = event.map_payload(|_| Vec::new());
            let seen = match event {
                Event::Connected { client, client_id } => Pending::Connected {
                    slot: client.index(),
                    client_id: client_id.0,
                },
                Event::Disconnected {
                    client,
                    client_id,
                    reason,
                } => Pending::Disconnected {
                    slot: client.index(),
                    client_id: client_id.0,
                    reason,
                },
                other => return violation(AGREE, format!("a polled event: {other:?}")),
            };
            // Events of different slots have no order among each other.
            let slot = slot_of(&seen);
            let at = self.model.events.iter().position(|it| slot_of(it) == slot);
            let expected = at.and_then(|at| self.model.events.remove(at));
            check(expected.as_ref() == Some(&seen), AGREE, || {
                format!("event {seen:?}, not {expected:?}")
            })?;
            self.event(g, &event)?;
        }
        let left = &self.model.events;
        check(left.is_empty(), "no event is lost", || {
            format!("{left:?} were not reported")
        })
    }

    /// Follows the sessions by the reported events alone.
    fn event(&mut self, g: &mut Ground, event: &Event<Vec<u8>>) -> Checked {
        g.trace.line(g.time, format!("server {}", self.id), || {
            format!("event {event:?}").chars().take(120).collect()
        });
        match *event {
            Event::Connected { client, client_id } => {
                g.coverage.note("server: connected");
                let twice = self.sessions.contains(&Some(client_id.0));
                check(!twice, "one session per id", || {
                    format!("id {client_id} connects again")
                })?;
                let Some(session) = self.sessions.get_mut(client.index()) else {
                    return violation("tables stay within their bounds", format!("slot {client}"));
                };
                let before = session.replace(client_id.0);
                check(before.is_none(), "one session per slot", || {
                    format!("slot {client} is taken")
                })
            }
            Event::Payload { client, .. } => {
                g.coverage.note("server: payload");
                let connected = self
                    .sessions
                    .get(client.index())
                    .is_some_and(Option::is_some);
                check(
                    connected,
                    "payloads come between connect and disconnect",
                    || format!("slot {client}"),
                )
            }
            Event::Disconnected {
                client,
                client_id,
                reason,
            } => {
                g.coverage.note(format!("server: disconnected {reason:?}"));
                let was = self.sessions.get_mut(client.index()).and_then(Option::take);
                check(was == Some(client_id.0), "a session ends once", || {
                    format!("slot {client} held {was:?}")
                })
            }
            _ => violation(AGREE, "an unknown event"),
        }
    }

    /// Invariants of the state, after every step.
    fn check_state(&mut self, g: &mut Ground) -> Checked {
        let bounds = self.core.half_open_count() <= self.plan.half_open
            && self.core.token_count() <= self.plan.tokens
            && self.core.connected_count() <= self.plan.max_clients;
        check(bounds, "tables stay within their bounds", || {
            format!("{:?}", self.core)
        })?;
        let counts = (
            self.core.connected_count() as usize,
            self.core.half_open_count(),
        );
        let model = (self.model.connected().count(), self.model.half_open.len());
        check(counts == model, AGREE, || {
            format!("slots and half-open connections {counts:?}, not {model:?}")
        })?;
        let stats = self.core.stats();
        let totals = (
            stats.datagrams_in,
            stats.datagrams_out,
            stats.dropped.total(),
        );
        let own = (
            self.counted.datagrams_in,
            self.counted.datagrams_out,
            self.counted.dropped.values().sum(),
        );
        check(totals == own, "counters add up", || {
            format!("in, out, dropped: {totals:?}, not {own:?}")
        })?;
        self.check_deadline(g)
    }

    fn check_deadline(&mut self, g: &Ground) -> Checked {
        let now = self.now(g);
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
        self.wake = asked.and_then(|asked| self.clock.when(asked));
        self.wake = Some(
            self.wake
                .map_or(self.app_due, |wake| wake.min(self.app_due)),
        );
        Ok(())
    }

    /// Virtual time has reached `wake`.
    pub(crate) fn awake(&mut self, g: &mut Ground) -> Checked {
        if g.time >= self.app_due {
            self.app_due = g.time + self.plan.send_every;
            let (now, unix) = (self.now(g), self.unix(g));
            self.core
                .set_unix_time(Instant::from_micros(now), UnixTime::from_secs(unix));
            self.model.tell_date(now, unix);
            for slot in 0..self.plan.max_clients as usize {
                self.send(g, slot)?;
            }
        }
        self.drain(g)
    }

    fn send(&mut self, g: &mut Ground, slot: usize) -> Checked {
        let now = self.now(g);
        let long = self.rng.random_range(0..12) == 0;
        let len = self.rng.random_range(1..=if long { 1200 } else { 40 });
        let mut payload = vec![0; len];
        self.rng.fill_bytes(&mut payload);
        let mut out = [0; MAX_SEND_BYTES];
        let wanted = self.model.send_payload(now, slot);
        let sent = self
            .core
            .send(Instant::from_micros(now), index(slot), &payload, &mut out);
        let sent: Vec<_> = match sent {
            Ok(sent) => sent
                .into_iter()
                .flatten()
                .map(|it| (it.to, it.datagram.to_vec()))
                .collect(),
            Err(error) => return violation(AGREE, format!("send: {error}")),
        };
        check(sent.len() == wanted.len(), AGREE, || {
            format!("send makes {} packets, not {wanted:?}", sent.len())
        })?;
        self.counted.payloads_out += u64::from(!sent.is_empty());
        for ((to, bytes), want) in sent.into_iter().zip(&wanted) {
            let (id, key) = self.session_of(g, to, &bytes)?;
            let body = self.keep_alive_body(id);
            let body = if want.kind == wire::KEEP_ALIVE {
                &body[..]
            } else {
                &payload[..]
            };
            self.check_packet(g, &bytes, &key, want, body)?;
            if want.kind == wire::PAYLOAD {
                g.parcel_sent(key, &bytes, self.id);
            }
            self.launch(g, to, &bytes)?;
        }
        Ok(())
    }

    /// Invariants of the end.
    pub(crate) fn finish(&mut self, g: &mut Ground) -> Checked {
        self.drain(g)?;
        let stats = self.core.stats();
        let c = &self.counted;
        let theirs = [
            stats.datagrams_in,
            stats.bytes_in,
            stats.datagrams_out,
            stats.bytes_out,
            stats.payloads_in,
            stats.payloads_out,
            stats.challenges,
            stats.denied,
            stats.connects,
        ];
        let ours = [
            c.datagrams_in,
            c.bytes_in,
            c.datagrams_out,
            c.bytes_out,
            c.payloads_in,
            c.payloads_out,
            c.challenges,
            c.denied,
            c.connects,
        ];
        check(theirs == ours, "counters add up", || {
            format!("{stats:?}, not {c:?}")
        })?;
        for (reason, count) in stats.dropped.iter() {
            let counted = c.dropped.get(reason.name()).copied().unwrap_or(0);
            check(u64::from(count) == counted, "counters add up", || {
                format!("{reason:?}: {count}, not {counted}")
            })?;
        }
        for (id, slot) in self.model.connected() {
            let info = self
                .core
                .client(index(id))
                .map(|info| info.stats)
                .unwrap_or_default();
            let theirs = [
                info.datagrams_in,
                info.payloads_in,
                info.datagrams_out,
                info.payloads_out,
            ];
            check(theirs == slot.counts, "counters add up", || {
                format!("slot {id}: {theirs:?}, not {:?}", slot.counts)
            })?;
        }
        Ok(())
    }
}

fn slot_of(event: &Pending) -> usize {
    match *event {
        Pending::Connected { slot, .. } | Pending::Disconnected { slot, .. } => slot,
    }
}

fn index(slot: usize) -> ClientIndex {
    ClientIndex(u32::try_from(slot).unwrap_or(u32::MAX))
}

/// Decryptions that a drop for this reason may cost.
fn most_opens(reason: Dropped) -> u64 {
    match reason {
        Dropped::TokenUnauthentic
        | Dropped::TokenMalformed
        | Dropped::NotOurAddress
        | Dropped::IdLimit
        | Dropped::HistoryFull
        | Dropped::HalfOpenFull => 1,
        // Of a request one; of a response one for each handshake of its address, and the challenge.
        Dropped::Unauthentic => 4,
        Dropped::AddressConnected
        | Dropped::IdConnected
        | Dropped::ChallengeUnauthentic
        | Dropped::ChallengeMismatch
        | Dropped::SlotDraining => 5,
        _ => 0,
    }
}

fn create(id: usize, plan: &ServerPlan, g: &Ground) -> (Server<'static, Witness>, ServerModel) {
    let address = if plan.internal {
        internal_address(id)
    } else {
        server_address(id)
    };
    let addresses = AddressList::new(&[address]).unwrap_or_default();
    let refuse_older = plan.refuse_older.map(|seconds| RestartRule::RefuseOlder {
        max_token_lifetime: std::time::Duration::from_secs(seconds),
    });
    let mut config = ServerConfig::new(
        ProtocolId(PROTOCOL),
        Key::from_bytes(PRIVATE_KEY),
        addresses,
        plan.max_clients,
        refuse_older.unwrap_or(RestartRule::AdmitAgain),
    );
    config.handshake_timeout = std::time::Duration::from_micros(plan.handshake);
    if plan.replace {
        config.reconnect_rule = ReconnectRule::ReplaceByNewerToken;
    }
    if !plan.host_limit {
        config.per_host = SourceLimit::Unlimited;
    }
    config.opens_per_second = plan.opens_per_second.and_then(std::num::NonZeroU32::new);
    let capacity = Capacity {
        clients: plan.max_clients as usize,
        half_open: plan.half_open,
        tokens: plan.tokens,
    };
    let maker = Maker::Server(id);
    let witness = Witness {
        ledger: g.ledger.clone(),
        maker,
    };
    let core = match Server::with_crypto(Storage::heap(capacity), config, witness) {
        Ok(core) => core,
        Err(error) => panic!("the plan's configuration is invalid: {error}"),
    };
    let rules = Rules {
        protocol_id: PROTOCOL,
        addresses: vec![address],
        max_clients: plan.max_clients as usize,
        half_open: plan.half_open,
        tokens: plan.tokens,
        handshake: plan.handshake,
        refuse_older: plan.refuse_older,
        replace: plan.replace,
        host_limit: plan.host_limit,
        opens_per_second: plan.opens_per_second.map(u64::from),
    };
    (core, ServerModel::new(rules, maker))
}
