//! Hand-made datagrams: those a client with a token could send, and invalid ones.

use std::net::SocketAddr;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use netcode_core::crypto::{Key, RustCrypto, SessionKeys};
use netcode_core::packet::{ConnectionRequest, Header, Packet, Role, seal};
use netcode_core::server::{Event, Received, Server, ServerConfig};
use netcode_core::token::{ConnectToken, PublicToken};
use netcode_core::{Dropped, Instant, ProtocolId, Sequence, UnixTime};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::network::{EPOCH, PROTOCOL, Ticket, config, key, storage};

/// Time of tests without a clock.
pub(crate) const NOW: Instant = Instant::ZERO;

/// A server with 16 slots that has just started, at this date.
pub(crate) fn start_with(config: ServerConfig, unix: UnixTime, seed: u64) -> Server<'static> {
    let mut server = Server::new(storage(), config).unwrap();
    server
        .start(NOW, unix, &mut StdRng::seed_from_u64(seed))
        .unwrap();
    server
}

/// A server with 4 slots.
pub(crate) fn start() -> Server<'static> {
    start_with(config(4), EPOCH, 1)
}

/// Drains and discards the server's pending datagrams and events.
pub(crate) fn drain(server: &mut Server<'_>, now: Instant) {
    let mut out = [0; 1300];
    while server.poll_transmit(now, &mut out).is_some() {}
    while server.poll_event().is_some() {}
}

/// A token, and the packets that can be made with it.
pub(crate) struct Forger {
    pub(crate) token: ConnectToken,
    pub(crate) from: SocketAddr,
}

/// A received challenge.
#[derive(Clone, Copy)]
pub(crate) struct Challenge {
    pub(crate) sequence: Sequence,
    pub(crate) token: [u8; 300],
}

impl Forger {
    pub(crate) fn new(ticket: &Ticket, from: SocketAddr) -> Self {
        Self {
            token: ticket.mint(),
            from,
        }
    }

    fn public(&self) -> PublicToken<'_> {
        PublicToken::parse(&self.token).unwrap()
    }

    pub(crate) fn keys(&self) -> SessionKeys {
        self.public().keys
    }

    /// Connection request with the token.
    pub(crate) fn request(&self) -> Vec<u8> {
        self.request_with(self.public().private)
    }

    fn request_with(&self, private: &[u8; 1024]) -> Vec<u8> {
        let header = self.public().request_header();
        let mut out = vec![0; 1078];
        ConnectionRequest::write(&header, private, &mut out).unwrap();
        out
    }

    /// Connection request whose private part was sealed after `change` modified it.
    pub(crate) fn request_changed_inside(&self, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let token = self.public();
        let mut private = token.open_private(&RustCrypto, &key()).unwrap();
        change(private.first_chunk_mut::<1008>().unwrap());
        let mut bound_to = b"NETCODE 1.02\0".to_vec();
        bound_to.extend(token.protocol_id.0.to_le_bytes());
        bound_to.extend(token.expires.as_secs().to_le_bytes());
        let cipher = XChaCha20Poly1305::new(key().as_bytes().into());
        let nonce = XNonce::from(token.nonce.0);
        let (plain, mac) = private.split_at_mut(1008);
        let tag = cipher
            .encrypt_inout_detached(&nonce, &bound_to, plain.into())
            .unwrap();
        mac.copy_from_slice(&tag);
        self.request_with(&private)
    }

    /// Packet of the client, sealed correctly.
    pub(crate) fn packet(&self, packet: &Packet<'_>, sequence: u64) -> Vec<u8> {
        sealed(packet, &self.keys().client_to_server, PROTOCOL, sequence)
    }

    pub(crate) fn payload(&self, sequence: u64) -> Vec<u8> {
        self.packet(&Packet::Payload(b"payload"), sequence)
    }

    /// Sends the request; returns the challenge.
    pub(crate) fn ask(&self, server: &mut Server<'_>, now: Instant) -> Result<Challenge, Dropped> {
        let reply = deliver(server, now, self.from, &self.request())?.unwrap();
        match self.open(&reply) {
            Opened::Challenge(challenge) => Ok(*challenge),
            other => panic!("not a challenge: {other:?}"),
        }
    }

    pub(crate) fn response(&self, challenge: &Challenge, sequence: u64) -> Vec<u8> {
        let packet = Packet::Response {
            sequence: challenge.sequence,
            token: &challenge.token,
        };
        self.packet(&packet, sequence)
    }

    /// Performs the whole handshake, with sequence 0.
    pub(crate) fn connect(&self, server: &mut Server<'_>, now: Instant) -> Result<(), Dropped> {
        let challenge = self.ask(server, now)?;
        let keep_alive = self.answer(server, now, &self.response(&challenge, 0))?;
        assert_eq!(self.open(&keep_alive), Opened::KeepAlive);
        Ok(())
    }

    /// Delivers a response that connects; returns the keep-alive that is due at once.
    pub(crate) fn answer(
        &self,
        server: &mut Server<'_>,
        now: Instant,
        response: &[u8],
    ) -> Result<Vec<u8>, Dropped> {
        let mut response = response.to_vec();
        let received = server.handle_datagram(now, self.from, &mut response)?;
        let connected = matches!(received, Received::Event(Event::Connected { .. }));
        assert!(connected, "{received:?}");
        let mut out = [0; 1300];
        while let Some(transmit) = server.poll_transmit(now, &mut out) {
            if transmit.to == self.from {
                return Ok(transmit.datagram.to_vec());
            }
        }
        panic!("nothing is due for {}", self.from);
    }

    /// Opens a packet that the server sent to this client.
    pub(crate) fn open(&self, datagram: &[u8]) -> Opened {
        let mut datagram = datagram.to_vec();
        let header = Header::parse(&datagram, Role::Client).unwrap();
        let keys = self.keys();
        match header
            .open(&RustCrypto, &keys.server_to_client, PROTOCOL, &mut datagram)
            .unwrap()
        {
            Packet::Challenge { sequence, token } => Opened::Challenge(Box::new(Challenge {
                sequence,
                token: *token,
            })),
            Packet::Denied => Opened::Denied,
            Packet::KeepAlive { .. } => Opened::KeepAlive,
            Packet::Disconnect => Opened::Disconnect,
            other => panic!("{other:?}"),
        }
    }
}

/// Reply of a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Challenge(Box<Challenge>),
    Denied,
    KeepAlive,
    Disconnect,
}

impl PartialEq for Challenge {
    fn eq(&self, other: &Self) -> bool {
        (self.sequence, self.token) == (other.sequence, other.token)
    }
}

impl Eq for Challenge {}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Challenge({})", self.sequence)
    }
}

pub(crate) fn sealed(
    packet: &Packet<'_>,
    key: &Key,
    protocol_id: ProtocolId,
    sequence: u64,
) -> Vec<u8> {
    let (mut out, sequence) = ([0; 1300], Sequence(sequence));
    let datagram = seal(packet, &RustCrypto, key, protocol_id, sequence, &mut out);
    datagram.unwrap().to_vec()
}

/// Delivers a datagram to a server; returns the reply, if any.
pub(crate) fn deliver(
    server: &mut Server<'_>,
    now: Instant,
    from: SocketAddr,
    datagram: &[u8],
) -> Result<Option<Vec<u8>>, Dropped> {
    let mut datagram = datagram.to_vec();
    match server.handle_datagram(now, from, &mut datagram)? {
        Received::Reply(reply) => {
            assert_eq!(reply.to, from);
            Ok(Some(reply.datagram.to_vec()))
        }
        Received::Event(_) | Received::Handled => Ok(None),
    }
}
