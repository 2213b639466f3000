//! Fate of encrypted packets. (*Reading Encrypted Packets*, *Processing Connection Response
//! Packets*.)

use std::net::SocketAddr;

use netcode_core::Dropped;

use super::{Fate, Limits, ServerModel, long};
use crate::backend::Backend;
use crate::ledger::Ledger;
use crate::model::check_clear;
use crate::model::tables::HalfOpen;
use crate::wire;

impl ServerModel {
    /// Encrypted packets. (*Reading Encrypted Packets*.)
    pub(super) fn sealed(
        &mut self,
        now: u64,
        from: SocketAddr,
        datagram: &[u8],
        ledger: &Ledger,
        backend: &Backend,
        limits: &mut Limits,
    ) -> Result<Fate, Dropped> {
        let accepted = [
            wire::RESPONSE,
            wire::KEEP_ALIVE,
            wire::PAYLOAD,
            wire::DISCONNECT,
        ];
        let clear = check_clear(datagram, &accepted)?;
        let slot = self.at_address(from);
        if clear.kind == wire::RESPONSE {
            let is_half_open = |it: &HalfOpen| it.from == from;
            let may_replace = self.rules.replace && self.half_open.iter().any(is_half_open);
            if slot.is_some() && !may_replace {
                return Err(Dropped::AddressConnected);
            }
            return self.response(now, from, datagram, ledger, backend, limits);
        }
        let id = slot.ok_or_else(|| self.without_session(now, from))?;
        if self.replaced == Some(id) {
            return Err(Dropped::State);
        }
        let data = wire::packet_data(self.rules.protocol_id, datagram[0]);
        let slot = self.connected_mut(id).ok_or(Dropped::UnknownSender)?;
        if slot.received.is_replay(clear.sequence) {
            return Err(Dropped::Replayed);
        }
        let seal = ledger
            .find(datagram)
            .filter(|seal| seal.key == slot.to_server && seal.data == data);
        let seal = seal.ok_or(Dropped::Unauthentic)?;
        slot.received.mark(clear.sequence);
        slot.heard = now;
        slot.counts[0] += 1;
        Ok(match clear.kind {
            wire::DISCONNECT => {
                self.slots[id] = None;
                self.note_end(id, from);
                Fate::Disconnected { slot: id }
            }
            wire::PAYLOAD => {
                slot.confirmed = true;
                slot.counts[1] += 1;
                Fate::Payload {
                    slot: id,
                    sequence: clear.sequence,
                    body: seal.body.clone(),
                }
            }
            _ => {
                slot.confirmed = true;
                Fate::KeepAlive { slot: id }
            }
        })
    }

    /// *Processing Connection Response Packets*.
    pub(super) fn response(
        &mut self,
        now: u64,
        from: SocketAddr,
        datagram: &[u8],
        ledger: &Ledger,
        backend: &Backend,
        limits: &mut Limits,
    ) -> Result<Fate, Dropped> {
        self.expire_half_open(now);
        if !self.half_open.iter().any(|entry| entry.from == from) {
            return Err(self.without_session(now, from));
        }
        self.spend(now, limits)?;
        let data = wire::packet_data(self.rules.protocol_id, datagram[0]);
        let seal = ledger.find(datagram).filter(|seal| seal.data == data);
        let seal = seal.ok_or(Dropped::Unauthentic)?;
        let opens = |entry: &HalfOpen| {
            entry.from == from && backend.tickets[entry.ticket].to_server == seal.key
        };
        let entry = self
            .half_open
            .iter()
            .position(opens)
            .ok_or(Dropped::Unauthentic)?;
        let (sequence, token) = (long(&seal.body[..8]), &seal.body[8..]);
        let challenge = ledger
            .find_challenge(sequence, token)
            .filter(|&id| id >= self.run_began && ledger.seals[id].maker == self.maker);
        let challenge = challenge.ok_or(Dropped::ChallengeUnauthentic)?;
        let half_open = &self.half_open[entry];
        if !half_open.challenges.contains(&challenge) {
            return Err(Dropped::ChallengeMismatch);
        }
        let ticket = &backend.tickets[half_open.ticket];
        let replaced = self.replaced_by(ticket.order.client_id, ticket.expires, from)?;
        match replaced {
            Some(_) if self.replaced.is_some() => Err(Dropped::SlotDraining),
            Some(slot) => Ok(Fate::Replaced {
                slot,
                half_open: entry,
            }),
            None if self.denies() => Ok(Fate::Denied {
                ticket: half_open.ticket,
            }),
            None if self.slots.iter().all(Option::is_some) => Err(Dropped::SlotDraining),
            None => Ok(Fate::Connected { half_open: entry }),
        }
    }
}
