//! What leaves the server: payloads when asked, keep-alives and disconnects when due.

use core::iter::Flatten;
use core::net::SocketAddr;

use super::event::{DisconnectReason, ServerEvent};
use super::slots::{Slot, SlotState};
use super::{GLOBAL, Server};
use crate::crypto::Crypto;
use crate::identity::{ClientIndex, Sequence};
use crate::packet::{Packet, seal};
use crate::standard::{MAX_DATAGRAM_BYTES, MAX_OVERHEAD_BYTES, REDUNDANT_DISCONNECTS};
use crate::time::{Instant, Local, micros};
use crate::transmit::{SendError, Transmit, check_payload};

/// A keep-alive at its longest.
const MAX_KEEP_ALIVE_BYTES: usize = 8 + MAX_OVERHEAD_BYTES;

/// A buffer of this many bytes serves every call of [`Server::send`]: a full payload with a
/// keep-alive in front of it.
pub const MAX_SEND_BYTES: usize = MAX_DATAGRAM_BYTES + MAX_KEEP_ALIVE_BYTES;

/// A payload that is ready to leave: one datagram, or two to a client that has not yet shown that
/// it knows it is connected. Send all, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'b> {
    /// Where they go.
    pub to: SocketAddr,
    /// Goes first, if there is one: tells the client its slot, in case the first keep-alive was
    /// lost. Without it the client would drop the payload.
    pub keep_alive: Option<&'b [u8]>,
    /// The sealed payload.
    pub datagram: &'b [u8],
}

impl<'b> IntoIterator for Outgoing<'b> {
    type Item = Transmit<'b>;
    type IntoIter = Flatten<core::array::IntoIter<Option<Transmit<'b>>, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        let to = self.to;
        let keep_alive = self.keep_alive.map(|datagram| Transmit { to, datagram });
        [
            keep_alive,
            Some(Transmit {
                to,
                datagram: self.datagram,
            }),
        ]
        .into_iter()
        .flatten()
    }
}

impl<C: Crypto> Server<'_, C> {
    /// Seals a payload for a client into `out`; the caller sends the result.
    ///
    /// `out` needs the payload's length and 25 bytes more, and 33 for the keep-alive in front of
    /// it while the client is unconfirmed: [`MAX_SEND_BYTES`] always does.
    ///
    /// # Errors
    /// See [`SendError`]. Nothing was sent or counted then.
    pub fn send<'b>(
        &mut self,
        now: Instant,
        client: ClientIndex,
        payload: &[u8],
        out: &'b mut [u8],
    ) -> Result<Outgoing<'b>, SendError> {
        let local = self.clock.advance(now);
        let id = client.0 as usize;
        let slot = self.slots.connected(id).ok_or(SendError::NotConnected)?;
        if slot.is_loopback() {
            return Err(SendError::Loopback);
        }
        check_payload(payload)?;
        let to = slot.peer.address().ok_or(SendError::NotConnected)?;
        let keep_alive_room = if slot.confirmed {
            0
        } else {
            MAX_KEEP_ALIVE_BYTES
        };
        let needed = payload.len().saturating_add(MAX_OVERHEAD_BYTES);
        let needed = needed.saturating_add(keep_alive_room);
        let (front, back) = out
            .split_at_mut_checked(keep_alive_room)
            .ok_or(SendError::BufferTooShort { needed })?;
        if keep_alive_room > 0 && back.len() < payload.len().saturating_add(MAX_OVERHEAD_BYTES) {
            return Err(SendError::BufferTooShort { needed });
        }
        let keep_alive = match keep_alive_room {
            0 => None,
            _ => {
                let len = self.write_keep_alive(local, id, front)?;
                self.stats.sent(len);
                front.get(..len)
            }
        };
        let len = self.write(local, id, &Packet::Payload(payload), back)?;
        self.stats.sent(len);
        self.count_payload_out(id);
        let datagram = back
            .get(..len)
            .ok_or(SendError::BufferTooShort { needed })?;
        Ok(Outgoing {
            to,
            keep_alive,
            datagram,
        })
    }

    pub(super) fn count_payload_out(&mut self, id: usize) {
        self.stats.payloads_out = self.stats.payloads_out.saturating_add(1);
        if let Some(slot) = self.slots.get_mut(id) {
            slot.traffic.payloads_out = slot.traffic.payloads_out.saturating_add(1);
        }
    }

    /// Writes the next datagram that is due into `out`, which needs [`MAX_DATAGRAM_BYTES`] at
    /// most. Call until `None`. What does not fit into a shorter buffer is skipped, as if it were
    /// lost on its way.
    ///
    /// Time passes here: timeouts are found, half-open connections end. At most one datagram per
    /// client and tenth of a second comes of it, and ten when a client leaves.
    pub fn poll_transmit<'b>(&mut self, now: Instant, out: &'b mut [u8]) -> Option<Transmit<'b>> {
        let local = self.clock.advance(now);
        self.half_open.expire(local);
        loop {
            let (due, id) = self.slots.timers.first()?;
            if due > local.0 {
                return None;
            }
            if let Some((to, len)) = self.transmit_due(local, id, out) {
                self.stats.sent(len);
                return Some(Transmit {
                    to,
                    datagram: out.get(..len)?,
                });
            }
        }
    }

    /// Does what slot `id` is due for and sets its timer again.
    fn transmit_due(
        &mut self,
        now: Local,
        id: usize,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let Some(slot) = self.slots.get(id) else {
            self.slots.timers.cancel(id);
            return None;
        };
        let to = slot.peer.address();
        let handshake = micros(self.config.handshake_timeout);
        match slot.state {
            SlotState::Leaving => {
                let written = self.write(now, id, &Packet::Disconnect, out);
                if let Some(slot) = self.slots.get_mut(id) {
                    slot.farewells = slot.farewells.saturating_sub(1);
                }
                self.slots.settle(id);
                Some((to?, written.ok()?))
            }
            SlotState::Connected if slot.times_out_at(handshake).is_some_and(|at| at <= now) => {
                self.slots
                    .leave(id, DisconnectReason::TimedOut, REDUNDANT_DISCONNECTS);
                None
            }
            SlotState::Connected => {
                let written =
                    (slot.keep_alive_at() <= now).then(|| self.write_keep_alive(now, id, out));
                if let Some(slot) = self.slots.get_mut(id) {
                    // A keep-alive that could not be written is not tried again at once.
                    if slot.keep_alive_at() <= now {
                        slot.last_sent = now;
                    }
                    let due = slot.due_at(handshake);
                    self.slots.timers.set(id, due.0);
                }
                Some((to?, written?.ok()?))
            }
            SlotState::Free | SlotState::Left => {
                self.slots.timers.cancel(id);
                None
            }
        }
    }

    /// When to call [`poll_transmit`](Self::poll_transmit) again if nothing arrives. Never late;
    /// sometimes early.
    pub fn next_deadline(&self) -> Option<Instant> {
        let slots = self.slots.timers.first().map(|(due, _)| due);
        let half_open = self.half_open.timers.first().map(|(due, _)| due);
        let due = slots.into_iter().chain(half_open).min()?;
        Some(self.clock.to_caller(Local(due)))
    }

    /// The next change among the clients. Call until `None`: a slot whose last event was not
    /// taken is not given to anybody else.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        let id = self.slots.first_event()?;
        let slot = self.slots.get_mut(id)?;
        let event = take_event(id, slot);
        self.slots.settle_first_event(id);
        event
    }

    /// Seals a keep-alive for slot `id` into `out`; returns its length.
    pub(super) fn write_keep_alive(
        &mut self,
        now: Local,
        id: usize,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        let packet = Packet::KeepAlive {
            client_index: ClientIndex::of_slot(id),
            max_clients: u32::try_from(self.config.max_clients).unwrap_or(u32::MAX),
        };
        self.write(now, id, &packet, out)
    }

    /// Seals a packet of slot `id`'s session into `out`; returns its length.
    fn write(
        &mut self,
        now: Local,
        id: usize,
        packet: &Packet<'_>,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        let slot = self.slots.get_mut(id).ok_or(SendError::NotConnected)?;
        if slot.sequence >= GLOBAL {
            return Err(SendError::SequenceExhausted);
        }
        let key = &slot.keys.server_to_client;
        let sequence = Sequence(slot.sequence);
        let len = seal(
            packet,
            &self.crypto,
            key,
            self.config.protocol_id,
            sequence,
            out,
        )?
        .len();
        slot.sequence = slot.sequence.saturating_add(1);
        slot.last_sent = now;
        slot.traffic.sent(len);
        Ok(len)
    }
}

fn take_event(id: usize, slot: &mut Slot) -> Option<ServerEvent> {
    let client = ClientIndex::of_slot(id);
    let client_id = slot.client_id;
    if core::mem::take(&mut slot.owes_connected) {
        return Some(ServerEvent::Connected { client, client_id });
    }
    let reason = slot.owes_disconnected.take()?;
    Some(ServerEvent::Disconnected {
        client,
        client_id,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::address::AddressList;
    use crate::crypto::{Key, SessionKeys};
    use crate::identity::{ClientId, ProtocolId, Timeout};
    use crate::server::peer::Peer;
    use crate::server::slots::Joining;
    use crate::server::{RestartRule, ServerConfig, StaticStorage};
    use crate::time::UnixTime;

    #[test]
    fn the_last_sequence_is_used_and_none_after_it() {
        let addresses = AddressList::new(&["10.0.0.1:40000".parse().unwrap()]).unwrap();
        let config = ServerConfig::new(
            ProtocolId(1),
            Key::from_bytes([7; 32]),
            addresses,
            1,
            RestartRule::AdmitAgain,
        );
        let mut storage = StaticStorage::<1, 1, 1>::new();
        let mut server = Server::new(storage.tables(), config).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let unix = UnixTime::from_secs(1_700_000_000);
        server.start(Instant::ZERO, unix, &mut rng).unwrap();
        let joining = Joining {
            peer: Peer::new(&"10.0.0.2:50000".parse().unwrap()),
            client_id: ClientId(1),
            keys: SessionKeys::generate(&mut rng),
            timeout: Timeout::NEVER,
            user_data: &[0; 256],
            sequence: 0,
            now: Local::ZERO,
        };
        let id = server.slots.join(joining).unwrap();
        let slot = server.slots.get_mut(id).unwrap();
        (slot.confirmed, slot.sequence) = (true, GLOBAL - 1);
        let mut out = [0; MAX_SEND_BYTES];
        let client = ClientIndex(0);
        assert!(
            server
                .send(Instant::ZERO, client, b"last", &mut out)
                .is_ok()
        );
        assert_eq!(
            server.send(Instant::ZERO, client, b"none", &mut out),
            Err(SendError::SequenceExhausted)
        );
        let later = Instant::from_millis(200);
        assert_eq!(server.poll_transmit(later, &mut out), None);
    }
}
