//! Servers: the core with its model beside it, a clock, a socket's buffer and an application.

mod create;
mod drain;
mod invariants;
mod receive;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use netcode_core::crypto::Key;
use netcode_core::server::{Admission, Event, MAX_SEND_BYTES, Server};
use netcode_core::{ClientIndex, Dropped, Instant, UnixTime};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use self::create::create;
use crate::backend::{EPOCH, PRIVATE_KEYS};
use crate::clock::HostClock;
use crate::ground::{Checked, Ground, check, violation};
use crate::ledger::Witness;
use crate::model::server::ServerModel;
use crate::model::tables::Keys;
use crate::plan::{SECOND, ServerPlan, generator, server_address};
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
        let keys = Keys {
            current: PRIVATE_KEYS[0],
            previous: None,
        };
        let (core, model) = create(id, plan, keys, g);
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
        // A server that starts with an earlier date knows no better than one without the rule.
        if self.plan.refuse_older.is_none() || self.date_error < 0 {
            // Tokens are admitted again, and their sessions begin anew under the same keys.
            for ticket in 0..g.backend.tickets.len() {
                g.forgive(ticket);
            }
        }
        (self.core, self.model) = create(self.id, &self.plan, self.model.keys, g);
        self.sessions.fill(None);
        self.counted = Counted::default();
        self.unwanted = None;
        self.turn = 0;
    }

    /// Opens or closes the server to new clients.
    pub(crate) fn admit(&mut self, admission: Admission) {
        self.core.set_admission(admission);
        self.model.closed = admission == Admission::Closed;
    }

    /// Changes the private key; the one so far is valid until a date.
    pub(crate) fn rotate_key(&mut self, key: [u8; 32], valid_until: u64) -> Checked {
        let until = UnixTime::from_secs(valid_until);
        let changed = self.core.rotate_key(Key::from_bytes(key), until);
        self.model.keys.rotate(key, valid_until);
        check(changed, AGREE, || "the key does not change".into())
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
}

fn index(slot: usize) -> ClientIndex {
    ClientIndex(u32::try_from(slot).unwrap_or(u32::MAX))
}
