//! Processing of received datagrams. (Standard: *Reading Encrypted Packets*, *Client State
//! Machine*.)

use core::net::SocketAddr;

use zeroize::Zeroize;

use super::Client;
use super::event::{Event, Received};
use super::state::ClientState;
use crate::address::same_endpoint;
use crate::crypto::Crypto;
use crate::drop_reason::Dropped;
use crate::identity::ClientIndex;
use crate::packet::{Header, Packet, PacketType, Role};
use crate::stats::RoundTrip;
use crate::time::{Instant, Local};

impl<C: Crypto> Client<C> {
    /// Processes a datagram that arrived at `now` from `from`, in place.
    ///
    /// `datagram` is exactly what arrived, of any length. Afterwards it holds the payload, in the
    /// range that the returned event gives, or nothing useful. Drain
    /// [`poll_event`](Self::poll_event) first: its events are older.
    ///
    /// # Errors
    /// [`Dropped`] names the rule that rejected the datagram. The drop is counted; there is nothing
    /// to do.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Received, Dropped> {
        let local = self.clock.advance(now);
        self.receive(local, from, datagram)
            .inspect_err(|&reason| self.dropped.count(reason))
    }

    fn receive(
        &mut self,
        now: Local,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Received, Dropped> {
        if !self.is_active() {
            return Err(Dropped::Inactive);
        }
        if !self
            .attempt
            .server()
            .is_some_and(|server| same_endpoint(&server, &from))
        {
            return Err(Dropped::UnknownSender);
        }
        let header = Header::parse(datagram, Role::Client)?;
        if !self.expects(header.kind) {
            return Err(Dropped::State);
        }
        let protected = header.kind.is_replay_protected();
        if protected && self.replay.is_replay(header.sequence) {
            self.traffic.replayed = self.traffic.replayed.saturating_add(1);
            return Err(Dropped::Replayed);
        }
        let len = datagram.len();
        let key = &self.attempt.keys.server_to_client;
        let opened = header.open(&self.crypto, key, self.attempt.protocol_id, datagram);
        let packet = match opened {
            Ok(packet) => packet,
            Err(reason) => {
                self.traffic.unauthentic = self.traffic.unauthentic.saturating_add(1);
                return Err(reason);
            }
        };
        if protected {
            self.traffic
                .received(len, header.sequence, self.replay.most_recent());
            self.replay.mark(header.sequence);
        }
        self.apply(now, &header, &packet, len)
    }

    /// Returns `true` if packets of this type are expected in the current state: checked before
    /// decryption.
    const fn expects(&self, kind: PacketType) -> bool {
        match self.state {
            ClientState::SendingConnectionRequest => {
                matches!(kind, PacketType::Denied | PacketType::Challenge)
            }
            ClientState::SendingConnectionResponse => {
                matches!(kind, PacketType::Denied | PacketType::KeepAlive)
            }
            ClientState::Connected => kind.is_replay_protected(),
            _ => false,
        }
    }

    /// Processes an authentic packet, of `len` bytes, that this state expects.
    fn apply(
        &mut self,
        now: Local,
        header: &Header,
        packet: &Packet<'_>,
        len: usize,
    ) -> Result<Received, Dropped> {
        Ok(match *packet {
            Packet::Denied => {
                let state = self.try_next_server(now, ClientState::ConnectionDenied);
                self.enter_by_datagram(state)
            }
            Packet::Challenge { sequence, token } => {
                self.measure_round_trip(now);
                self.challenge_sequence = sequence;
                self.challenge = *token;
                self.send_due = Local::ZERO;
                self.last_received = now;
                self.enter_by_datagram(ClientState::SendingConnectionResponse)
            }
            Packet::KeepAlive {
                client_index,
                max_clients,
            } => {
                self.last_received = now;
                self.keep_alive(now, client_index, max_clients)
            }
            Packet::Payload(_) => {
                self.last_received = now;
                self.traffic.payloads_in = self.traffic.payloads_in.saturating_add(1);
                Received::Event(Event::Payload {
                    sequence: header.sequence,
                    payload: header.body(len),
                })
            }
            Packet::Disconnect => {
                self.forget();
                self.enter_by_datagram(ClientState::Disconnected)
            }
            Packet::Response { .. } => return Err(Dropped::Type),
        })
    }

    /// Measures the time from the state's first packet to its first reply. It is unknown which
    /// packet the reply answers; the time since the last one would be too short by whole intervals
    /// if the round trip is longer than an interval.
    fn measure_round_trip(&mut self, now: Local) {
        if let Some(sent) = self.first_sent.take() {
            let measured = RoundTrip::from_micros(now.since(sent));
            self.round_trip = self.round_trip.or_shorter(measured);
        }
    }

    fn keep_alive(&mut self, now: Local, client_index: ClientIndex, max_clients: u32) -> Received {
        if self.state != ClientState::SendingConnectionResponse {
            return Received::Handled;
        }
        self.measure_round_trip(now);
        self.client_index = client_index;
        self.max_clients = max_clients;
        // No other server will be tried, so the token is not needed any more.
        self.attempt.private.zeroize();
        self.spent.push(&self.attempt.nonce);
        self.enter_by_datagram(ClientState::Connected)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::crypto::{Key, RustCrypto, SessionKeys};
    use crate::identity::{ClientId, ProtocolId, Sequence};
    use crate::packet::seal;
    use crate::time::UnixTime;
    use crate::token::{PublicToken, TokenSpec, mint};

    #[test]
    fn a_client_that_has_connected_keeps_no_token_that_others_could_use() {
        let server: SocketAddr = "10.0.0.1:40000".parse().unwrap();
        let (servers, created) = ([server], UnixTime::from_secs(0));
        let spec = TokenSpec::new(ProtocolId(1), ClientId(1), &servers, created);
        let mut rng = StdRng::seed_from_u64(1);
        let token = mint(&spec, &Key::from_bytes([7; 32]), &mut rng).unwrap();
        let key = PublicToken::parse(&token)
            .unwrap()
            .keys
            .server_to_client
            .clone();
        let mut client = Client::new();
        client.connect(Instant::ZERO, &token).unwrap();
        let answers = [
            Packet::Challenge {
                sequence: Sequence(0),
                token: &[0; 300],
            },
            Packet::KeepAlive {
                client_index: ClientIndex(0),
                max_clients: 1,
            },
        ];
        for packet in answers {
            assert_ne!(client.attempt.private, [0; 1024]);
            let mut buffer = [0; 1300];
            let sequence = Sequence(0);
            let sealed = seal(
                &packet,
                &RustCrypto,
                &key,
                ProtocolId(1),
                sequence,
                &mut buffer,
            );
            let datagram = sealed.unwrap();
            let received = client.handle_datagram(Instant::ZERO, server, datagram);
            assert!(matches!(received, Ok(Received::Event(_))));
        }
        assert_eq!(client.state(), ClientState::Connected);
        assert_eq!(client.attempt.private, [0; 1024]);
        assert_ne!(client.attempt.keys, SessionKeys::EMPTY);
    }
}
