//! Model of the server: the fate of each datagram, and what is due when.
//!
//! | file | contents |
//! | --- | --- |
//! | `request` | connection requests |
//! | `sealed` | all other datagrams |
//! | `transmit` | what the server sends, and when |
//! | `fate` | the result of a datagram |

mod fate;
mod request;
mod sealed;
mod transmit;

use std::collections::VecDeque;
use std::net::SocketAddr;

use netcode_core::Dropped;
use netcode_core::server::DisconnectReason;

use super::clock::{Date, LocalTime};
use super::tables::{Budget, HalfOpen, Keys, Phase, Rules, Slot, Used};
use super::{Received, Sent};
use crate::backend::Backend;
use crate::ledger::{Ledger, Maker};
use crate::wire;

use self::fate::Limits;
pub(crate) use self::fate::{Fate, Prediction};

/// Time for which packets are taken for late ones of an ended session, microseconds.
const LATE: u64 = 5_000_000;

/// Event of time or of a command, not yet reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    Connected {
        slot: usize,
        client_id: u64,
    },
    Disconnected {
        slot: usize,
        client_id: u64,
        reason: DisconnectReason,
    },
}

pub(crate) struct ServerModel {
    pub(crate) rules: Rules,
    pub(crate) keys: Keys,
    maker: Maker,
    pub(crate) time: LocalTime,
    date: Date,
    first_start: Option<u64>,
    running: bool,
    /// New clients are denied.
    pub(crate) closed: bool,
    pub(crate) slots: Vec<Option<Slot>>,
    pub(crate) half_open: Vec<HalfOpen>,
    pub(crate) history: Vec<Used>,
    budget: Budget,
    /// Address of each slot's last session and the time of its end, until the slot's next client. An
    /// address is that of its latest session alone.
    ended: Vec<Option<(SocketAddr, u64)>>,
    /// Slot whose session was replaced and whose events were not taken.
    replaced: Option<usize>,
    pub(crate) events: VecDeque<Pending>,
    /// Challenges sealed before this number belong to an earlier run.
    run_began: usize,
}

impl ServerModel {
    pub(crate) fn new(rules: Rules, keys: Keys, maker: Maker) -> Self {
        Self {
            slots: vec![None; rules.max_clients],
            ended: vec![None; rules.max_clients],
            rules,
            keys,
            maker,
            time: LocalTime::default(),
            date: Date::default(),
            first_start: None,
            running: false,
            closed: false,
            half_open: Vec::new(),
            history: Vec::new(),
            budget: Budget::default(),
            replaced: None,
            events: VecDeque::new(),
            run_began: 0,
        }
    }

    pub(crate) fn start(&mut self, now: u64, unix: u64, ledger: &Ledger) {
        let now = self.time.call(now);
        self.date.tell(now, unix);
        let today = self.date.at(now).unwrap_or(unix);
        self.first_start.get_or_insert(today);
        self.half_open.clear();
        self.ended.fill(None);
        self.budget
            .fill_up(now, self.rules.opens_per_second.unwrap_or(0));
        self.run_began = ledger.seals.len();
        self.running = true;
    }

    pub(crate) fn stop(&mut self, now: u64) {
        self.time.call(now);
        for slot in 0..self.slots.len() {
            self.leave(slot, DisconnectReason::ServerStopped);
        }
        self.half_open.clear();
        self.running = false;
    }

    pub(crate) fn tell_date(&mut self, now: u64, unix: u64) {
        let now = self.time.call(now);
        self.date.tell(now, unix);
    }

    /// Number of decryptions that a request may take.
    pub(crate) fn opens_of_a_request(&self) -> usize {
        let today = self.date.at(self.time.passed()).unwrap_or(0);
        self.keys.tried(today).len()
    }

    pub(crate) fn disconnect(&mut self, now: u64, slot: usize) -> bool {
        self.time.call(now);
        self.leave(slot, DisconnectReason::ByServer)
    }

    fn leave(&mut self, id: usize, reason: DisconnectReason) -> bool {
        let Some(slot) = self.connected_mut(id) else {
            return false;
        };
        slot.phase = Phase::Leaving;
        let (client_id, from) = (slot.client_id, slot.from);
        self.note_end(id, from);
        self.events.push_back(Pending::Disconnected {
            slot: id,
            client_id,
            reason,
        });
        true
    }

    fn note_end(&mut self, id: usize, from: SocketAddr) {
        for ended in &mut self.ended {
            ended.take_if(|(of, _)| *of == from);
        }
        self.ended[id] = Some((from, self.time.passed()));
    }

    /// Reason for a drop where a session, or for a response a half-open connection, is missing.
    fn without_session(&self, now: u64, from: SocketAddr) -> Dropped {
        let is_late = |&(of, at): &(SocketAddr, u64)| of == from && now < at + LATE;
        if self.ended.iter().flatten().any(is_late) {
            Dropped::SessionEnded
        } else {
            Dropped::UnknownSender
        }
    }

    pub(crate) fn connected(&self) -> impl Iterator<Item = (usize, &Slot)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(id, slot)| Some((id, slot.as_ref().filter(|it| it.is_connected())?)))
    }

    fn connected_mut(&mut self, id: usize) -> Option<&mut Slot> {
        self.slots
            .get_mut(id)?
            .as_mut()
            .filter(|slot| slot.is_connected())
    }

    fn at_address(&self, from: SocketAddr) -> Option<usize> {
        self.connected()
            .find(|(_, slot)| slot.from == from)
            .map(|(id, _)| id)
    }

    fn denies(&self) -> bool {
        self.closed || self.connected().count() >= self.rules.max_clients
    }

    fn expire_half_open(&mut self, now: u64) {
        self.half_open.retain(|entry| entry.until > now);
    }

    /// Fate of a datagram.
    pub(crate) fn receive(
        &mut self,
        now: u64,
        from: SocketAddr,
        datagram: &[u8],
        ledger: &Ledger,
        backend: &Backend,
    ) -> Prediction {
        let now = self.time.call(now);
        let mut limits = Limits::default();
        let fate = if !self.running {
            Dropped::Inactive.into()
        } else if datagram.first() == Some(&wire::REQUEST) {
            let fate = self.request(now, from, datagram, backend, &mut limits);
            fate.unwrap_or_else(Fate::Dropped)
        } else {
            let fate = self.sealed(now, from, datagram, ledger, backend, &mut limits);
            fate.unwrap_or_else(Fate::Dropped)
        };
        Prediction {
            fate,
            or_dropped: core::mem::take(&mut limits.or_dropped),
            limits,
        }
    }

    /// Notes the result that the datagram really had, which agrees with the prediction.
    pub(crate) fn commit(&mut self, prediction: &Prediction, dropped: Option<Dropped>) {
        let limited = dropped.is_some_and(|reason| {
            prediction.fate != Fate::Dropped(reason) && prediction.or_dropped.contains(&reason)
        });
        if !limited || dropped == Some(Dropped::IdLimit) {
            for _ in 0..prediction.limits.spends {
                self.budget.spend();
            }
        }
        if let Some((ticket, from, expires)) = prediction.limits.enters
            && !limited
        {
            self.history.push(Used {
                ticket,
                from,
                consumed: false,
                expires,
            });
        }
    }

    /// Notes a challenge, which the server sent with the last two things it sealed.
    pub(crate) fn challenged(&mut self, ticket: usize, from: SocketAddr, challenge: usize) {
        let until = self.time.passed() + self.rules.handshake;
        let entry = self
            .half_open
            .iter_mut()
            .find(|it| it.from == from && it.ticket == ticket);
        match entry {
            Some(entry) => {
                entry.until = until;
                entry.challenges.push(challenge);
            }
            None => self.half_open.push(HalfOpen {
                ticket,
                from,
                until,
                challenges: vec![challenge],
            }),
        }
    }

    /// Notes that the client of a half-open connection has slot `id`. Returns what it sends for a
    /// session that was replaced.
    pub(crate) fn joined(
        &mut self,
        half_open: usize,
        id: usize,
        backend: &Backend,
    ) -> Option<Sent> {
        let now = self.time.passed();
        let HalfOpen { ticket, from, .. } = self.half_open.remove(half_open);
        if let Some(used) = self.history.iter_mut().find(|used| used.ticket == ticket) {
            used.consumed = true;
        }
        self.ended[id] = None;
        let minted = &backend.tickets[ticket];
        let alone = minted
            .order
            .internal
            .iter()
            .all(|it| self.rules.addresses.contains(it));
        let old = self.slots[id].replace(Slot {
            ticket,
            client_id: minted.order.client_id,
            from,
            to_server: minted.to_server,
            timeout: u64::try_from(minted.order.timeout)
                .ok()
                .filter(|&it| it > 0)
                .map(|it| it * 1_000_000),
            expires: minted.expires,
            phase: Phase::Connected,
            confirmed: false,
            // With other servers in its token, a session begins at a sequence of the server's own.
            sequence: alone.then_some(0),
            received: Received::default(),
            keep_alive: now,
            heard: now,
            counts: [0; 4],
        })?;
        self.replaced = Some(id);
        let (slot, client_id) = (id, old.client_id);
        // They are taken before all others.
        self.events
            .push_front(Pending::Connected { slot, client_id });
        let reason = DisconnectReason::Replaced;
        self.events.push_front(Pending::Disconnected {
            slot,
            client_id,
            reason,
        });
        Some(Sent {
            to: old.from,
            kind: wire::DISCONNECT,
            sequence: old.sequence,
        })
    }
}

fn long(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
