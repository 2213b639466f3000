//! Datagrams that time and commands make the server send, and when it must be called for them.

use std::net::SocketAddr;

use netcode_core::server::DisconnectReason;

use super::ServerModel;
use crate::model::Sent;
use crate::model::tables::{Phase, Slot};
use crate::wire;

impl ServerModel {
    /// Datagrams that the server must send now, in any order. Slots stay taken until `drained`. A
    /// datagram that does not fit the caller's buffer is lost, and takes no sequence.
    pub(crate) fn poll(&mut self, now: u64, fits: bool) -> Vec<Sent> {
        let now = self.time.call(now);
        self.expire_half_open(now);
        let handshake = self.rules.handshake;
        let mut sent = Vec::new();
        for id in 0..self.slots.len() {
            let ends = self.connected_mut(id).and_then(|slot| slot.ends(handshake));
            if ends.is_some_and(|at| at <= now) {
                self.leave(id, DisconnectReason::TimedOut);
            }
            let Some(slot) = &mut self.slots[id] else {
                continue;
            };
            let (kind, times) = match slot.phase {
                Phase::Leaving => (wire::DISCONNECT, 10),
                Phase::Connected if slot.keep_alive <= now => (wire::KEEP_ALIVE, 1),
                Phase::Connected | Phase::Left => continue,
            };
            if slot.phase == Phase::Leaving {
                slot.phase = Phase::Left;
            }
            if !fits {
                slot.keep_alive = now + 100_000;
                continue;
            }
            for _ in 0..times {
                sent.push(send(slot, now, kind));
            }
        }
        sent
    }

    /// Payload to a client: a keep-alive before it while the client is unconfirmed.
    pub(crate) fn send_payload(&mut self, now: u64, id: usize) -> Vec<Sent> {
        let now = self.time.call(now);
        let Some(slot) = self.connected_mut(id) else {
            return Vec::new();
        };
        let mut sent = Vec::new();
        if !slot.confirmed {
            sent.push(send(slot, now, wire::KEEP_ALIVE));
        }
        sent.push(send(slot, now, wire::PAYLOAD));
        slot.counts[3] += 1;
        sent
    }

    /// Notes the sequence of a session's first packet.
    pub(crate) fn saw_sequence(&mut self, to: SocketAddr, sequence: u64) {
        for slot in self
            .slots
            .iter_mut()
            .flatten()
            .filter(|slot| slot.from == to)
        {
            slot.sequence = slot.sequence.max(Some(sequence + 1));
        }
    }

    /// Notes that all datagrams and events were taken.
    pub(crate) fn drained(&mut self) {
        self.replaced = None;
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|slot| !slot.is_connected()) {
                *slot = None;
            }
        }
    }

    /// Latest time on the caller's clock at which the server must ask to be called again.
    pub(crate) fn latest_call(&self) -> Option<u64> {
        let handshake = self.rules.handshake;
        let slots = self.connected().map(|(_, slot)| {
            slot.ends(handshake)
                .map_or(slot.keep_alive, |at| at.min(slot.keep_alive))
        });
        let due = slots
            .chain(self.half_open.iter().map(|entry| entry.until))
            .min()?;
        Some(self.time.latest_call(due))
    }
}

fn send(slot: &mut Slot, now: u64, kind: u8) -> Sent {
    slot.keep_alive = now + 100_000;
    slot.counts[2] += 1;
    let sequence = slot.sequence;
    slot.sequence = sequence.map(|it| it + 1);
    Sent {
        to: slot.from,
        kind,
        sequence,
    }
}
