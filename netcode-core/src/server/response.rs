//! Challenge responses: the second half of the handshake, which gives the client a slot and makes
//! its first keep-alive due at once. (Standard: *Processing Connection Response Packets*.)

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Server;
use super::budget::Work;
use super::event::{Event, Received};
use super::half_open::HalfOpen;
use super::peer::Source;
use super::slot::Slot;
use crate::crypto::Crypto;
use crate::drop_reason::Dropped;
use crate::identity::{ClientIndex, Sequence};
use crate::packet::{Header, Packet};
use crate::standard::{CHALLENGE_TOKEN_BYTES, MAX_OVERHEAD_BYTES};
use crate::stats::RoundTrip;
use crate::time::Local;
use crate::token::ChallengeToken;

/// Longest response: its body with eight sequence bytes.
const MAX_RESPONSE_BYTES: usize = 8 + CHALLENGE_TOKEN_BYTES + MAX_OVERHEAD_BYTES;

/// Authentic response: its half-open connection, and the fields of the packet.
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
            session,
            mac,
            challenged_at,
        } = half_open;
        let replaced = self.replaced_by(&session, source)?;
        if !self.admits(replaced) {
            return Ok(self.deny(source.address, &session.keys, datagram));
        }
        let sequence = if session.other_servers {
            self.first_sequence(&session.peer, session.client_id)
        } else {
            0
        };
        let mut slot = Slot::new(session, challenge.user_data, sequence, now);
        slot.round_trip = RoundTrip::from_micros(now.since(challenged_at));
        let received = match replaced {
            None => {
                let client_id = slot.session.client_id;
                let id = self.slots.join(slot, source);
                let client = ClientIndex::of_slot(id.ok_or(Dropped::SlotDraining)?);
                Received::Event(Event::Connected { client, client_id })
            }
            Some(slot_id) => self.replace(now, slot_id, slot, source, datagram)?,
        };
        self.history.consume(&mac);
        self.half_open.remove(id);
        self.stats.connects = self.stats.connects.saturating_add(1);
        Ok(received)
    }

    /// Gives a connected client's slot to its new session, and writes a disconnect packet of the
    /// old session over the response.
    fn replace<'d>(
        &mut self,
        now: Local,
        id: usize,
        slot: Slot,
        source: &Source,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        if self.slots.replaced().is_some() {
            // The events of one replaced session must be taken before another session is replaced.
            return Err(Dropped::SlotDraining);
        }
        let protocol_id = self.config.protocol_id;
        let old = self.slots.table.get_mut(id);
        let written = old.and_then(|old| {
            let to = old.session.peer.address()?;
            let packet = Packet::Disconnect;
            let written = old.write(&self.crypto, protocol_id, now, &packet, datagram);
            Some((to, &*written.ok()?))
        });
        self.slots.replace(id, slot, source);
        Ok(match written {
            Some((to, reply)) => self.reply_with(to, reply),
            None => Received::Handled,
        })
    }

    /// Opens a response with the keys of each of the sender's half-open connections in turn.
    ///
    /// A failed decryption destroys the bytes, so each attempt works on a copy.
    fn open_response(
        &mut self,
        now: Local,
        source: &Source,
        header: &Header,
        datagram: &[u8],
    ) -> Result<Answer, Dropped> {
        if self.half_open.of_source(source).next().is_none() {
            return Err(self.without_session(now, source));
        }
        let host = source.peer.hash_host(self.hash_key);
        self.spend_open(now, host, Work::Response)?;
        let mut copy = Zeroizing::new([0; MAX_RESPONSE_BYTES]);
        for id in self.half_open.of_source(source) {
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
