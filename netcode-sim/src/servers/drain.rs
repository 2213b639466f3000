//! Datagrams and events that a server owes, compared with the model's.

use std::net::SocketAddr;

use netcode_core::Instant;
use netcode_core::server::{Event, MAX_SEND_BYTES};
use rand::RngExt;

use super::{AGREE, ServerHost};
use crate::backend::PROTOCOL;
use crate::ground::{Checked, Ground, check, violation};
use crate::ledger::Maker;
use crate::model::Sent;
use crate::model::server::Pending;
use crate::wire;

impl ServerHost {
    /// Checks a packet of a session against what the model wants sent.
    pub(super) fn check_packet(
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

    pub(super) fn launch(&mut self, g: &mut Ground, to: SocketAddr, bytes: &[u8]) -> Checked {
        self.counted.datagrams_out += 1;
        self.counted.bytes_out += bytes.len() as u64;
        g.server_sent(self.id, to, bytes.len())?;
        check(wire::is_shortest(bytes), AGREE, || {
            "a sequence is longer than it need be".into()
        })?;
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
    pub(super) fn session_of(
        &self,
        g: &Ground,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Checked<(usize, [u8; 32])> {
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

    pub(super) fn keep_alive_body(&self, slot: usize) -> Vec<u8> {
        let slot = u32::try_from(slot).unwrap_or(u32::MAX).to_le_bytes();
        [slot, self.plan.max_clients.to_le_bytes()].concat()
    }

    pub(super) fn take_events(&mut self, g: &mut Ground) -> Checked {
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
}

fn slot_of(event: &Pending) -> usize {
    match *event {
        Pending::Connected { slot, .. } | Pending::Disconnected { slot, .. } => slot,
    }
}
