//! Sending of payloads, datagrams that are due, and timeouts.

use core::net::SocketAddr;

use super::Client;
use super::state::ClientState;
use crate::crypto::Crypto;
use crate::identity::{ClientIndex, Sequence};
use crate::packet::{ConnectionRequest, Packet, RequestHeader, seal, sealed_bytes};
use crate::standard::SEND_INTERVAL;
use crate::time::{Instant, Local, micros};
use crate::transmit::{SendError, Transmit, check_payload};

/// Last sequence of a client. Higher ones belong to servers, for packets outside any session.
const LAST_SEQUENCE: u64 = (1 << 63) - 1;

impl<C: Crypto> Client<C> {
    /// Writes a payload packet into `out`; the caller sends it. `None` while not connected. `out`
    /// needs the payload's length plus 25 bytes;
    /// [`MAX_DATAGRAM_BYTES`](crate::standard::MAX_DATAGRAM_BYTES) always suffices.
    ///
    /// # Errors
    /// See [`SendError`]. Nothing is sent or counted then.
    pub fn send<'b>(
        &mut self,
        now: Instant,
        payload: &[u8],
        out: &'b mut [u8],
    ) -> Result<Option<Transmit<'b>>, SendError> {
        let local = self.clock.advance(now);
        let Some((to, _)) = self.send_size(payload)? else {
            return Ok(None);
        };
        let datagram = self.write(local, &Packet::Payload(payload), out)?;
        self.traffic.payloads_out = self.traffic.payloads_out.saturating_add(1);
        Ok(Some(Transmit { to, datagram }))
    }

    /// Destination and length of the datagram that [`send`](Self::send) would write for a payload
    /// now, for a shell whose socket must know both before it lends a buffer. `None` while not
    /// connected.
    ///
    /// # Errors
    /// As for [`send`](Self::send), except [`SendError::BufferTooShort`].
    pub fn send_size(&self, payload: &[u8]) -> Result<Option<(SocketAddr, usize)>, SendError> {
        check_payload(payload)?;
        let connected = self.state == ClientState::Connected;
        let Some(to) = self.attempt.server().filter(|_| connected) else {
            return Ok(None);
        };
        if self.sequence > LAST_SEQUENCE {
            return Err(SendError::SequenceExhausted);
        }
        let bytes = sealed_bytes(Sequence(self.sequence), payload.len());
        Ok(Some((to, bytes)))
    }

    /// Writes the next datagram that is due into `out`, which needs
    /// [`MAX_DATAGRAM_BYTES`](crate::standard::MAX_DATAGRAM_BYTES). Call it until it returns
    /// `None`. If `out` is too short, it returns `None` as well: a datagram that does not fit stays
    /// due.
    ///
    /// This call also detects timeouts and moves on to the next address.
    pub fn poll_transmit<'b>(&mut self, now: Instant, out: &'b mut [u8]) -> Option<Transmit<'b>> {
        let local = self.clock.advance(now);
        self.pass_time(local);
        let to = self.attempt.server()?;
        let datagram = if self.disconnects_left > 0 {
            self.write_disconnect(local, out)?
        } else if self.is_active() && self.send_due <= local {
            self.write_due(local, out)?
        } else {
            return None;
        };
        Some(Transmit { to, datagram })
    }

    /// Time of the next call of [`poll_transmit`](Self::poll_transmit) if no datagram arrives.
    /// `None` while nothing is pending.
    pub fn next_deadline(&self) -> Option<Instant> {
        let due = if self.disconnects_left > 0 {
            self.clock.local()
        } else if self.is_active() {
            self.timeouts()
                .fold(self.send_due, |due, (at, _)| due.min(at))
        } else {
            return None;
        };
        Some(self.clock.to_caller(due))
    }

    /// Timeouts that can end the current state, each with the state that follows.
    fn timeouts(&self) -> impl Iterator<Item = (Local, ClientState)> + '_ {
        let total = (self.state != ClientState::Connected)
            .then_some((self.attempt.ends, ClientState::ConnectTokenExpired));
        let silence = self.attempt.timeout.as_micros().map(|limit| {
            let end = match self.state {
                ClientState::SendingConnectionRequest => ClientState::ConnectionRequestTimedOut,
                ClientState::SendingConnectionResponse => ClientState::ConnectionResponseTimedOut,
                _ => ClientState::ConnectionTimedOut,
            };
            (self.last_received.after(limit), end)
        });
        total.into_iter().chain(silence)
    }

    fn pass_time(&mut self, now: Local) {
        if !self.is_active() {
            return;
        }
        let Some((_, end)) = self.timeouts().find(|(at, _)| *at <= now) else {
            return;
        };
        let state = match end {
            ClientState::ConnectTokenExpired | ClientState::ConnectionTimedOut => {
                self.forget();
                end
            }
            _ => self.try_next_server(now, end),
        };
        self.enter(state);
    }

    fn write_disconnect<'b>(&mut self, now: Local, out: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let written = self.write(now, &Packet::Disconnect, out);
        if matches!(written, Err(SendError::BufferTooShort { .. })) {
            return None;
        }
        self.disconnects_left = self.disconnects_left.saturating_sub(1);
        if self.disconnects_left == 0 {
            self.attempt.wipe();
        }
        written.ok()
    }

    /// Writes the packet that the current state repeats ten times a second.
    fn write_due<'b>(&mut self, now: Local, out: &'b mut [u8]) -> Option<&'b mut [u8]> {
        match self.state {
            ClientState::SendingConnectionRequest => self.write_request(now, out),
            ClientState::SendingConnectionResponse => {
                let token = self.challenge;
                let packet = Packet::Response {
                    sequence: self.challenge_sequence,
                    token: &token,
                };
                self.write(now, &packet, out).ok()
            }
            ClientState::Connected => {
                // The fields of a client's keep-alive carry no information.
                let packet = Packet::KeepAlive {
                    client_index: ClientIndex(0),
                    max_clients: 0,
                };
                self.write(now, &packet, out).ok()
            }
            _ => None,
        }
    }

    fn write_request<'b>(&mut self, now: Local, out: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let header = RequestHeader {
            protocol_id: self.attempt.protocol_id,
            expires: self.attempt.expires,
            nonce: self.attempt.nonce,
        };
        let datagram = ConnectionRequest::write(&header, &self.attempt.private, out)?;
        self.count_sent(now, datagram.len());
        Some(datagram)
    }

    fn write<'b>(
        &mut self,
        now: Local,
        packet: &Packet<'_>,
        out: &'b mut [u8],
    ) -> Result<&'b mut [u8], SendError> {
        if self.sequence > LAST_SEQUENCE {
            return Err(SendError::SequenceExhausted);
        }
        let key = &self.attempt.keys.client_to_server;
        let sequence = Sequence(self.sequence);
        let datagram = seal(
            packet,
            &self.crypto,
            key,
            self.attempt.protocol_id,
            sequence,
            out,
        )?;
        self.sequence = self.sequence.saturating_add(1);
        self.count_sent(now, datagram.len());
        Ok(datagram)
    }

    fn count_sent(&mut self, now: Local, len: usize) {
        self.first_sent.get_or_insert(now);
        self.send_due = now.after(const { micros(SEND_INTERVAL) });
        self.traffic.sent(len);
        self.datagrams_out = self.datagrams_out.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::crypto::{Key, RustCrypto, SessionKeys};
    use crate::identity::{ClientId, ProtocolId, Timeout};
    use crate::packet::{Header, Role};
    use crate::time::UnixTime;
    use crate::token::{TokenSpec, mint};

    /// A client with an attempt under way, forced into the connected state.
    fn connected() -> Client {
        let servers = ["10.0.0.1:40000".parse().unwrap()];
        let created = UnixTime::from_secs(0);
        let spec = TokenSpec::new(ProtocolId(1), ClientId(1), &servers, created)
            .with_timeout(Timeout::NEVER);
        let mut rng = StdRng::seed_from_u64(1);
        let token = mint(&spec, &Key::from_bytes([7; 32]), &mut rng).unwrap();
        let mut client = Client::new();
        client.connect(Instant::ZERO, &token).unwrap();
        client.state = ClientState::Connected;
        client
    }

    #[test]
    fn a_client_forgets_its_keys_with_its_session() {
        let mut out = [0; 1225];
        let mut client = connected();
        assert_ne!(client.attempt.keys, SessionKeys::EMPTY);
        client.disconnect(Instant::ZERO);
        while client.poll_transmit(Instant::ZERO, &mut out).is_some() {}
        assert_eq!(client.attempt.keys, SessionKeys::EMPTY);
        assert_eq!(client.attempt.private, [0; 1024]);

        let mut client = connected();
        client.forget();
        assert_eq!(client.attempt.keys, SessionKeys::EMPTY);
        assert_eq!(client.attempt.private, [0; 1024]);
    }

    #[test]
    fn disconnect_packets_are_due_at_once_and_sealed_with_the_session_s_key() {
        let mut out = [0; 1225];
        let mut client = connected();
        let key = client.attempt.keys.client_to_server.clone();
        client.disconnect(Instant::ZERO);
        for _ in 0..10 {
            assert_eq!(client.next_deadline(), Some(Instant::ZERO));
            let transmit = client.poll_transmit(Instant::ZERO, &mut out).unwrap();
            let mut datagram = transmit.datagram.to_vec();
            let header = Header::parse(&datagram, Role::Server).unwrap();
            let packet = header.open(&RustCrypto, &key, ProtocolId(1), &mut datagram);
            assert!(matches!(packet, Ok(Packet::Disconnect)), "{packet:?}");
        }
        assert_eq!(client.next_deadline(), None);
    }

    #[test]
    fn the_last_sequence_is_used_and_none_after_it() {
        let mut client = connected();
        client.sequence = (1 << 63) - 1;
        let mut out = [0; 1225];
        let last = client.send(Instant::ZERO, b"last", &mut out);
        assert!(matches!(last, Ok(Some(_))));
        assert_eq!(
            client.send(Instant::ZERO, b"none", &mut out),
            Err(SendError::SequenceExhausted)
        );
        let later = Instant::from_millis(200);
        assert_eq!(client.poll_transmit(later, &mut out), None);
    }
}
