//! The second half of the handshake: a challenge comes back, and its sender gets a slot.
//! (Standard: *Processing Connection Response Packets*.)

use core::net::SocketAddr;

use subtle::ConstantTimeEq;

use super::Server;
use super::budget::Work;
use super::peer::Peer;
use super::receive::Received;
use super::slots::Joining;
use crate::crypto::Crypto;
use crate::drop_reason::Dropped;
use crate::packet::{Header, Packet};
use crate::standard::{CHALLENGE_TOKEN_BYTES, MAX_OVERHEAD_BYTES};
use crate::stats::RoundTrip;
use crate::time::Local;
use crate::token::ChallengeToken;
use crate::transmit::Transmit;

/// The longest response: its body under a full sequence.
const MAX_RESPONSE_BYTES: usize = 8 + CHALLENGE_TOKEN_BYTES + MAX_OVERHEAD_BYTES;

impl<C: Crypto> Server<'_, C> {
    pub(super) fn handle_response<'d>(
        &mut self,
        now: Local,
        from: SocketAddr,
        header: &Header,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        self.half_open.expire(now);
        let id = self.half_open_of(now, &from, header, datagram)?;
        let entry = self.half_open.get(id).ok_or(Dropped::UnknownSender)?;
        let key = &entry.keys.client_to_server;
        let opened = header.open(&self.crypto, key, self.config.protocol_id, datagram)?;
        let Packet::Response { sequence, token } = opened else {
            return Err(Dropped::Type);
        };
        let mut token = *token;
        let challenge =
            ChallengeToken::open(&self.crypto, &self.challenge_key, sequence, &mut token)
                .map_err(|_| Dropped::ChallengeUnauthentic)?;
        if !bool::from(entry.challenge_padding().ct_eq(challenge.padding)) {
            return Err(Dropped::ChallengeMismatch);
        }
        if self.slots.find_by_id(entry.client_id).is_some() {
            return Err(Dropped::IdConnected);
        }
        if self.slots.is_full() {
            let keys = entry.keys.clone();
            return self.deny(from, &keys, datagram);
        }
        if !self.slots.has_free() {
            return Err(Dropped::SlotDraining);
        }
        self.accept(now, from, id, &challenge, datagram)
    }

    /// The half-open connection whose key seals this response.
    ///
    /// Opening loses the datagram if the key is wrong, so while there is more than one entry to
    /// try, each is tried on a copy.
    fn half_open_of(
        &mut self,
        now: Local,
        from: &SocketAddr,
        header: &Header,
        datagram: &[u8],
    ) -> Result<usize, Dropped> {
        let mut entries = self.half_open.of_address(from);
        let first = entries.next().ok_or(Dropped::UnknownSender)?;
        let alone = entries.next().is_none();
        drop(entries);
        let rate = self.config.opens_per_second;
        let peer = Peer::new(from);
        if !self.budget.spend(now, &peer, Work::Response, rate) {
            return Err(Dropped::OverBudget);
        }
        if alone {
            return Ok(first);
        }
        let mut copy = [0; MAX_RESPONSE_BYTES];
        let copy = copy.get_mut(..datagram.len()).ok_or(Dropped::BodyLength)?;
        let opens = |&id: &usize| {
            copy.copy_from_slice(datagram);
            self.half_open.get(id).is_some_and(|entry| {
                let key = &entry.keys.client_to_server;
                header
                    .open(&self.crypto, key, self.config.protocol_id, copy)
                    .is_ok()
            })
        };
        self.half_open
            .of_address(from)
            .find(opens)
            .ok_or(Dropped::Unauthentic)
    }

    /// Gives the client its slot and writes its first keep-alive over the response.
    fn accept<'d>(
        &mut self,
        now: Local,
        from: SocketAddr,
        half_open: usize,
        challenge: &ChallengeToken<'_>,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let entry = self
            .half_open
            .get(half_open)
            .ok_or(Dropped::UnknownSender)?;
        let round_trip = now.since(entry.challenged_at);
        self.history.consume(&entry.mac);
        let joining = Joining {
            peer: Peer::new(&from),
            client_id: entry.client_id,
            keys: entry.keys.clone(),
            timeout: entry.timeout,
            user_data: challenge.user_data,
            sequence: if entry.other_servers {
                self.first_sequence(&Peer::new(&from), entry.client_id)
            } else {
                0
            },
            now,
        };
        let id = self.slots.join(joining).ok_or(Dropped::State)?;
        self.half_open.release(half_open);
        self.stats.connects = self.stats.connects.saturating_add(1);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.round_trip = RoundTrip::from_micros(round_trip);
        }
        let len = self
            .write_keep_alive(now, id, datagram)
            .map_err(|_| Dropped::TooShort)?;
        let datagram = datagram.get(..len).ok_or(Dropped::TooShort)?;
        Ok(Received::Reply(Transmit { to: from, datagram }))
    }
}
