//! The second half of the handshake: a challenge comes back, and its sender gets a slot.
//! (Standard: *Processing Connection Response Packets*.)

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Server;
use super::budget::Work;
use super::event::Received;
use super::half_open::HalfOpen;
use super::peer::Source;
use super::slots::Slot;
use crate::crypto::Crypto;
use crate::drop_reason::Dropped;
use crate::identity::Sequence;
use crate::packet::{Header, Packet};
use crate::standard::{CHALLENGE_TOKEN_BYTES, MAX_OVERHEAD_BYTES};
use crate::stats::RoundTrip;
use crate::time::Local;
use crate::token::ChallengeToken;

/// The longest response: its body under a full sequence.
const MAX_RESPONSE_BYTES: usize = 8 + CHALLENGE_TOKEN_BYTES + MAX_OVERHEAD_BYTES;

/// An authentic response: the half-open connection whose keys sealed it, and what it says.
struct Answer {
    id: usize,
    half_open: HalfOpen,
    sequence: Sequence,
    token: Zeroizing<[u8; CHALLENGE_TOKEN_BYTES]>,
}

impl<C: Crypto> Server<'_, C> {
    pub(super) fn handle_response<'d>(
        &mut self,
        now: Local,
        source: &Source,
        header: &Header,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        self.half_open.expire(now);
        let Answer {
            id,
            half_open,
            sequence,
            mut token,
        } = self.open_response(now, source, header, datagram)?;
        let challenge =
            ChallengeToken::open(&self.crypto, &self.challenge_key, sequence, &mut token)
                .map_err(|_| Dropped::ChallengeUnauthentic)?;
        if !bool::from(half_open.challenge_padding().ct_eq(challenge.padding)) {
            return Err(Dropped::ChallengeMismatch);
        }
        let HalfOpen {
            mut session,
            mac,
            challenged_at,
        } = half_open;
        if self.slots.find_by_id(session.client_id).is_some() {
            return Err(Dropped::IdConnected);
        }
        if self.slots.is_full() {
            return Ok(self.deny(source.address, &session.keys, datagram));
        }
        let sequence = if session.other_servers {
            self.first_sequence(&session.peer, session.client_id)
        } else {
            0
        };
        session.round_trip = RoundTrip::from_micros(now.since(challenged_at));
        let slot = Slot::new(session, challenge.user_data, sequence, now);
        let slot_id = self.slots.join(slot, Some(source.hash));
        let slot_id = slot_id.ok_or(Dropped::SlotDraining)?;
        self.history.consume(&mac);
        self.half_open.remove(id);
        self.stats.connects = self.stats.connects.saturating_add(1);
        let keep_alive = self.keep_alive(slot_id);
        let protocol_id = self.config.protocol_id;
        let slot = self.slots.table.get_mut(slot_id);
        let len = slot.and_then(|slot| {
            slot.write(&self.crypto, protocol_id, now, &keep_alive, datagram)
                .ok()
        });
        Ok(self.sent_over(source.address, len, datagram))
    }

    /// Opens a response under the keys of the sender's half-open connections, one after the other.
    ///
    /// Opening loses the bytes if the key is wrong, so each is tried on a copy.
    fn open_response(
        &mut self,
        now: Local,
        source: &Source,
        header: &Header,
        datagram: &[u8],
    ) -> Result<Answer, Dropped> {
        let mut entries = self.half_open.of_source(source).peekable();
        if entries.peek().is_none() {
            return Err(Dropped::UnknownSender);
        }
        let rate = self.config.opens_per_second;
        let host = source.peer.hash_host(self.hash_key);
        if !self.budget.spend(now, host, Work::Response, rate) {
            return Err(Dropped::OverBudget);
        }
        let mut copy = Zeroizing::new([0; MAX_RESPONSE_BYTES]);
        for id in entries {
            let entry = self.half_open.get(id);
            let bytes = copy.get_mut(..datagram.len());
            let (Some(entry), Some(bytes)) = (entry, bytes) else {
                continue;
            };
            bytes.copy_from_slice(datagram);
            let key = &entry.session.keys.client_to_server;
            let opened = header.open(&self.crypto, key, self.config.protocol_id, bytes);
            if let Ok(Packet::Response { sequence, token }) = opened {
                return Ok(Answer {
                    id,
                    half_open: entry.clone(),
                    sequence,
                    token: Zeroizing::new(*token),
                });
            }
        }
        Err(Dropped::Unauthentic)
    }
}
