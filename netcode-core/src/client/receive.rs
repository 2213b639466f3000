//! A datagram's way into the client. (Standard: *Reading Encrypted Packets*, *Client State
//! Machine*.)

use core::net::SocketAddr;

use zeroize::Zeroize;

use super::Client;
use super::state::ClientState;
use crate::address::same_endpoint;
use crate::crypto::Crypto;
use crate::drop_reason::Dropped;
use crate::identity::{ClientIndex, Sequence};
use crate::packet::{Header, Packet, PacketType, Role};
use crate::stats::RoundTrip;
use crate::time::{Instant, Local};

/// What a datagram was good for.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'d> {
    /// The server sent a payload; it stands, opened, in the datagram's buffer.
    Payload {
        /// The number of its packet. Payloads arrive in any order; this tells which is newer.
        sequence: Sequence,
        /// The bytes, 1 to 1200.
        payload: &'d [u8],
    },
    /// Taken in. An answer, if there is one, comes from
    /// [`poll_transmit`](Client::poll_transmit).
    Handled,
}

impl<C: Crypto> Client<C> {
    /// Takes in a datagram that arrived at `now` from `from`, in place.
    ///
    /// `datagram` is exactly what arrived, of any length. Afterwards it holds the payload that is
    /// returned, or nothing of use.
    ///
    /// # Errors
    /// [`Dropped`] says which rule refused the datagram. It is counted; there is nothing to do.
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        let local = self.clock.advance(now);
        match self.receive(local, from, datagram) {
            Ok(received) => Ok(received),
            Err(reason) => {
                self.dropped.count(reason);
                Err(reason)
            }
        }
    }

    fn receive<'d>(
        &mut self,
        now: Local,
        from: SocketAddr,
        datagram: &'d mut [u8],
    ) -> Result<Received<'d>, Dropped> {
        if !self.is_active() || self.loopback {
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
        self.apply(now, &header, packet)
    }

    /// Whether the type means anything in this state: asked before a key is touched.
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

    fn apply<'d>(
        &mut self,
        now: Local,
        header: &Header,
        packet: Packet<'d>,
    ) -> Result<Received<'d>, Dropped> {
        match packet {
            Packet::Denied => self.try_next_server(now, ClientState::ConnectionDenied),
            Packet::Challenge { sequence, token } => {
                self.measure_round_trip(now);
                self.challenge_sequence = sequence;
                self.challenge = *token;
                self.send_due = Local::ZERO;
                self.last_received = now;
                self.enter(ClientState::SendingConnectionResponse);
            }
            Packet::KeepAlive {
                client_index,
                max_clients,
            } => {
                self.last_received = now;
                self.keep_alive(now, client_index, max_clients);
            }
            Packet::Payload(payload) => {
                self.last_received = now;
                self.traffic.payloads_in = self.traffic.payloads_in.saturating_add(1);
                return Ok(Received::Payload {
                    sequence: header.sequence,
                    payload,
                });
            }
            Packet::Disconnect => self.end(ClientState::Disconnected),
            Packet::Response { .. } => return Err(Dropped::Type),
        }
        Ok(Received::Handled)
    }

    /// Takes the time from the state's first packet to its first answer. Which of the packets was
    /// answered cannot be told; counting from the last would be short by whole intervals wherever
    /// the way is longer than one.
    fn measure_round_trip(&mut self, now: Local) {
        if let Some(sent) = self.first_sent.take() {
            let measured = RoundTrip::from_micros(now.since(sent));
            self.round_trip = self.round_trip.or_shorter(measured);
        }
    }

    fn keep_alive(&mut self, now: Local, client_index: ClientIndex, max_clients: u32) {
        if self.state == ClientState::SendingConnectionResponse {
            self.measure_round_trip(now);
            self.client_index = client_index;
            self.max_clients = max_clients;
            // No other server will be tried: nobody needs to see the token again.
            self.attempt.private.zeroize();
            self.spent.push(&self.attempt.nonce);
            self.enter(ClientState::Connected);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::crypto::{Key, RustCrypto, SessionKeys};
    use crate::identity::{ClientId, ProtocolId, Timeout, UserData};
    use crate::packet::seal;
    use crate::time::UnixTime;
    use crate::token::{PublicToken, TokenSpec, mint};

    #[test]
    fn a_client_that_has_connected_keeps_no_token_that_others_could_use() {
        let server: SocketAddr = "10.0.0.1:40000".parse().unwrap();
        let spec = TokenSpec {
            protocol_id: ProtocolId(1),
            client_id: ClientId(1),
            created: UnixTime::from_secs(0),
            expires: UnixTime::from_secs(60),
            timeout: Timeout::NEVER,
            public_addresses: &[server],
            internal_addresses: &[],
            user_data: &UserData::ZERO,
        };
        let mut token = [0; 2048];
        let mut rng = StdRng::seed_from_u64(1);
        mint(&spec, &Key::from_bytes([7; 32]), &mut rng, &mut token).unwrap();
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
            client
                .handle_datagram(Instant::ZERO, server, datagram)
                .unwrap();
        }
        assert_eq!(client.state(), ClientState::Connected);
        assert_eq!(client.attempt.private, [0; 1024]);
        assert_ne!(client.attempt.keys, SessionKeys::EMPTY);
    }
}
