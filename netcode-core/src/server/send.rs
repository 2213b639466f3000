//! Sending of payloads to clients.

use core::iter::{Chain, Once, once};
use core::net::SocketAddr;
use core::option;

use super::slot::Slot;
use super::{GLOBAL, Server};
use crate::crypto::Crypto;
use crate::identity::{ClientIndex, ProtocolId, Sequence};
use crate::packet::{Packet, seal};
use crate::standard::{MAX_DATAGRAM_BYTES, MAX_OVERHEAD_BYTES, SEND_INTERVAL};
use crate::time::{Instant, Local, micros};
use crate::transmit::{SendError, Transmit};

/// Longest keep-alive packet.
const MAX_KEEP_ALIVE_BYTES: usize = 8 + MAX_OVERHEAD_BYTES;

/// Buffer length that suffices for every call of [`Server::send`]: a full payload preceded by a
/// keep-alive.
pub const MAX_SEND_BYTES: usize = MAX_DATAGRAM_BYTES + MAX_KEEP_ALIVE_BYTES;

/// Outgoing payload: one datagram, or two for a client that is not yet confirmed. Send all, in
/// order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outgoing<'b> {
    /// Destination of both.
    pub to: SocketAddr,
    /// Keep-alive to send first, if any. It carries the client's slot in case the first keep-alive
    /// was lost: without it the client would drop the payload.
    pub keep_alive: Option<&'b [u8]>,
    /// Payload packet.
    pub datagram: &'b [u8],
}

impl<'b> IntoIterator for Outgoing<'b> {
    type Item = Transmit<'b>;
    type IntoIter = Chain<option::IntoIter<Transmit<'b>>, Once<Transmit<'b>>>;

    fn into_iter(self) -> Self::IntoIter {
        let to = self.to;
        let transmit = |datagram| Transmit { to, datagram };
        let keep_alive = self.keep_alive.map(transmit);
        keep_alive.into_iter().chain(once(transmit(self.datagram)))
    }
}

impl<C: Crypto> Server<'_, C> {
    /// Writes a payload packet for a client into `out`; the caller sends it. `None` if no client is
    /// connected in the slot, or a loopback client, whose payloads go through
    /// [`send_loopback`](Self::send_loopback).
    ///
    /// `out` needs the payload's length plus 25 bytes, and 33 more for the keep-alive while the
    /// client is unconfirmed. [`MAX_SEND_BYTES`] always suffices.
    ///
    /// # Errors
    /// See [`SendError`]. Nothing is sent or counted then.
    pub fn send<'b>(
        &mut self,
        now: Instant,
        client: ClientIndex,
        payload: &[u8],
        out: &'b mut [u8],
    ) -> Result<Option<Outgoing<'b>>, SendError> {
        let now = self.clock.advance(now);
        let id = client.0 as usize;
        let keep_alive = self.keep_alive(id);
        let protocol_id = self.config.protocol_id;
        let Some(slot) = self.slots.connected_mut(id) else {
            return Ok(None);
        };
        let Some(to) = slot.session.peer.address() else {
            return Ok(None);
        };

        let packets_before = u8::from(!slot.is_confirmed());
        let room_before = usize::from(packets_before) * MAX_KEEP_ALIVE_BYTES;
        let (front, back) = out.split_at_mut_checked(room_before).unwrap_or_default();
        let payload = Packet::Payload(payload);
        let sealed = slot.seal(&self.crypto, protocol_id, packets_before, &payload, back);
        let datagram = sealed.map_err(|error| match error {
            SendError::BufferTooShort { needed } => SendError::BufferTooShort {
                needed: needed.saturating_add(room_before),
            },
            other => other,
        })?;
        let keep_alive = match packets_before {
            0 => None,
            _ => Some(slot.write(&self.crypto, protocol_id, now, &keep_alive, front)?),
        };
        slot.count_sent(now, datagram.len());
        slot.traffic.payloads_out = slot.traffic.payloads_out.saturating_add(1);
        self.stats.payloads_out = self.stats.payloads_out.saturating_add(1);
        let outgoing = Outgoing {
            to,
            keep_alive: keep_alive.map(|datagram| &*datagram),
            datagram,
        };
        for transmit in outgoing {
            self.stats.sent(transmit.datagram.len());
        }
        Ok(Some(outgoing))
    }

    /// Keep-alive packet with the client's slot.
    pub(super) fn keep_alive(&self, id: usize) -> Packet<'static> {
        Packet::KeepAlive {
            client_index: ClientIndex::of_slot(id),
            max_clients: self.config.max_clients,
        }
    }
}

impl Slot {
    /// Writes the next packet of the session and counts it as sent.
    pub(super) fn write<'b>(
        &mut self,
        crypto: &impl Crypto,
        protocol_id: ProtocolId,
        now: Local,
        packet: &Packet<'_>,
        out: &'b mut [u8],
    ) -> Result<&'b mut [u8], SendError> {
        let datagram = self.seal(crypto, protocol_id, 0, packet, out)?;
        self.count_sent(now, datagram.len());
        Ok(datagram)
    }

    /// Writes the packet of the session that follows `packets_before` others.
    fn seal<'b>(
        &self,
        crypto: &impl Crypto,
        protocol_id: ProtocolId,
        packets_before: u8,
        packet: &Packet<'_>,
        out: &'b mut [u8],
    ) -> Result<&'b mut [u8], SendError> {
        let sequence = self.sequence.saturating_add(u64::from(packets_before));
        if sequence >= GLOBAL {
            return Err(SendError::SequenceExhausted);
        }
        let key = &self.session.keys.server_to_client;
        seal(packet, crypto, key, protocol_id, Sequence(sequence), out)
    }

    fn count_sent(&mut self, now: Local, len: usize) {
        self.sequence = self.sequence.saturating_add(1);
        self.keep_alive_at = now.after(const { micros(SEND_INTERVAL) });
        self.traffic.sent(len);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::address::AddressList;
    use crate::crypto::{Key, SessionKeys};
    use crate::identity::{ClientId, ProtocolId, Timeout};
    use crate::server::peer::Source;
    use crate::server::session::Session;
    use crate::server::slot::SlotState;
    use crate::server::{RestartRule, ServerConfig, StaticStorage};
    use crate::time::UnixTime;

    /// Server with one client, whose next packet has this sequence.
    fn with_client(
        storage: &mut StaticStorage<1, 1, 1>,
        sequence: u64,
        confirmed: bool,
    ) -> Server<'_> {
        let addresses = AddressList::new(&["10.0.0.1:40000".parse().unwrap()]).unwrap();
        let config = ServerConfig::new(
            ProtocolId(1),
            Key::from_bytes([7; 32]),
            addresses,
            1,
            RestartRule::AdmitAgain,
        );
        let mut server = Server::new(storage.tables(), config).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let unix = UnixTime::from_secs(1_700_000_000);
        server.start(Instant::ZERO, unix, &mut rng).unwrap();
        let source = Source::new("10.0.0.2:50000".parse().unwrap(), server.hash_key);
        let session = Session {
            keys: SessionKeys::generate(&mut rng),
            client_id: ClientId(1),
            timeout: Timeout::NEVER,
            peer: source.peer,
            ..Session::EMPTY
        };
        let mut slot = Slot::new(session, &[0; 256], sequence, Local::ZERO);
        slot.state = SlotState::Connected { confirmed };
        server.slots.join(slot, &source).unwrap();
        server
    }

    #[test]
    fn the_longest_packets_of_a_send_fill_the_longest_buffer() {
        let mut storage = StaticStorage::new();
        let mut server = with_client(&mut storage, GLOBAL - 2, false);
        let mut out = [0; MAX_SEND_BYTES];
        let sent = server.send(Instant::ZERO, ClientIndex(0), &[1; 1200], &mut out);
        let Ok(Some(outgoing)) = sent else {
            panic!("{sent:?}");
        };
        let bytes: usize = outgoing.into_iter().map(|sent| sent.datagram.len()).sum();
        assert_eq!(bytes, MAX_SEND_BYTES);
    }

    #[test]
    fn the_last_sequence_is_used_and_none_after_it() {
        let mut storage = StaticStorage::new();
        let mut server = with_client(&mut storage, GLOBAL - 1, true);
        let mut out = [0; MAX_SEND_BYTES];
        let client = ClientIndex(0);
        let last = server.send(Instant::ZERO, client, b"last", &mut out);
        assert!(matches!(last, Ok(Some(_))));
        assert_eq!(
            server.send(Instant::ZERO, client, b"none", &mut out),
            Err(SendError::SequenceExhausted)
        );
        let later = Instant::from_millis(200);
        assert_eq!(server.poll_transmit(later, &mut out), None);
    }
}
