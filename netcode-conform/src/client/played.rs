//! A server that the tool plays. It keeps the rules unless a check breaks one with it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::check::{Checked, missing, wrong};
use crate::evidence::Log;
use crate::wire::{Challenge, Key, Opened, Seal, Token, kind, open};

/// Time between two packets of the same kind, as the standard has it.
pub(crate) const SEND_INTERVAL: Duration = Duration::from_millis(100);

/// Longest time for an answer that the rules demand.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);

const LARGEST: usize = 65_536;

/// A server that the tool plays.
pub(crate) struct Played {
    pub(crate) name: &'static str,
    pub(crate) token: Token,
    /// Sequence of its next packet of the session.
    pub(crate) sequence: u64,
    /// Sequence of its next challenge or denied packet.
    pub(crate) global_sequence: u64,
    pub(crate) connected: bool,
    /// It sends keep-alives while it waits.
    pub(crate) keeps_alive: bool,
    pub(crate) oddities: Oddities,
    /// Request of the client's token, as it should be.
    request: Vec<u8>,
    pub(crate) challenge: Challenge,
    socket: UdpSocket,
    client: Option<SocketAddr>,
    log: Log,
    seen: BTreeMap<u64, Vec<u8>>,
    last_sent: Instant,
}

/// Rules about every packet of a client. Breaking them fails the checks for them, and no other.
#[derive(Default)]
pub(crate) struct Oddities {
    pub(crate) nonce_reused: Option<u64>,
    pub(crate) not_minimal: Option<u8>,
    pub(crate) unreadable: Option<usize>,
    /// A connection request that is not the token's.
    pub(crate) other_request: Option<usize>,
}

impl Played {
    pub(crate) fn new(
        name: &'static str,
        socket: UdpSocket,
        token: Token,
        private_key: &Key,
        log: Log,
    ) -> Self {
        let challenge = Challenge::seal(private_key, 7, token.client_id, &token.user_data);
        Self {
            name,
            request: token.request(private_key),
            token,
            sequence: 0,
            global_sequence: 1 << 63,
            connected: false,
            keeps_alive: true,
            oddities: Oddities::default(),
            challenge,
            socket,
            client: None,
            log,
            seen: BTreeMap::new(),
            last_sent: Instant::now(),
        }
    }

    /// The client's address, as its first datagram showed it.
    pub(crate) fn client(&self) -> Option<SocketAddr> {
        self.client
    }

    /// Sends a datagram to the client as it is.
    pub(crate) fn send(&mut self, text: &str, datagram: &[u8]) {
        if let Some(client) = self.client {
            self.send_to(client, text, datagram);
        }
    }

    pub(crate) fn send_to(&mut self, client: SocketAddr, text: &str, datagram: &[u8]) {
        self.log.sent(format!("{}: {text}", self.name), datagram);
        self.last_sent = Instant::now();
        let _ = self.socket.send_to(datagram, client);
    }

    /// Seals a packet with the next sequence of the session.
    pub(crate) fn seal(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(1);
        self.seal_at(sequence, kind, body)
    }

    /// Seals a challenge or a denied packet.
    pub(crate) fn seal_global(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let sequence = self.global_sequence;
        self.global_sequence = sequence.saturating_add(1);
        self.seal_at(sequence, kind, body)
    }

    pub(crate) fn seal_at(&self, sequence: u64, kind: u8, body: &[u8]) -> Vec<u8> {
        let packet = Seal::new(self.token.protocol_id, kind, sequence, body);
        packet.seal(&self.token.keys.server_to_client)
    }

    /// Next packet of the client until `end`. A connection request has kind 0 and the whole
    /// datagram as its body.
    pub(crate) fn receive(&mut self, end: Instant) -> Option<Opened> {
        let mut buffer = vec![0; LARGEST];
        loop {
            let left = end
                .checked_duration_since(Instant::now())
                .filter(|it| !it.is_zero())?;
            if self.connected && self.keeps_alive && self.last_sent.elapsed() >= SEND_INTERVAL {
                self.send_keep_alive();
            }
            let _ = self
                .socket
                .set_read_timeout(Some(left.min(Duration::from_millis(20))));
            let Ok((len, from)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            self.client = Some(from);
            let datagram = buffer.get(..len).unwrap_or_default().to_vec();
            if let Some(packet) = self.open(&datagram) {
                return Some(packet);
            }
        }
    }

    fn open(&mut self, datagram: &[u8]) -> Option<Opened> {
        if datagram.first() == Some(&0) {
            self.log
                .received(format!("{}: connection request", self.name), datagram);
            if datagram != self.request {
                self.oddities.other_request = Some(datagram.len());
            }
            return Some(Opened {
                kind: kind::REQUEST,
                sequence: 0,
                sequence_bytes: 1,
                body: datagram.to_vec(),
            });
        }
        let key = self.token.keys.client_to_server;
        let Ok(opened) = open(datagram, &key, self.token.protocol_id) else {
            let text = format!("{}: a datagram that does not open", self.name);
            self.log.received(text, datagram);
            self.oddities.unreadable.get_or_insert(datagram.len());
            return None;
        };
        match self.seen.insert(opened.sequence, datagram.to_vec()) {
            Some(earlier) if earlier == datagram => return None,
            Some(_) => self.oddities.nonce_reused = Some(opened.sequence),
            None => {}
        }
        if !opened.is_minimal() {
            self.oddities.not_minimal = datagram.first().copied();
        }
        let name = kind::name(opened.kind);
        let text = format!("{}: {name}, sequence {}", self.name, opened.sequence);
        self.log.received(text, datagram);
        Some(opened)
    }

    /// Packets that another server of the same token got, to find a nonce that sealed two.
    pub(crate) fn shares_nonce_with(&self, other: &Self) -> Option<u64> {
        let mut seen = self.seen.iter();
        let both = seen.find(|(sequence, datagram)| {
            other.seen.get(sequence).is_some_and(|it| it != *datagram)
        });
        both.map(|(sequence, _)| *sequence)
    }

    pub(crate) fn send_keep_alive(&mut self) {
        let datagram = self.seal(kind::KEEP_ALIVE, &[1, 0, 0, 0, 8, 0, 0, 0]);
        self.send("keep-alive", &datagram);
    }

    /// Packets of the client until this time has passed.
    pub(crate) fn listen(&mut self, time: Duration) -> Vec<Opened> {
        let end = Instant::now() + time;
        std::iter::from_fn(|| self.receive(end)).collect()
    }

    /// Waits for a packet of this type.
    pub(crate) fn wait_for(&mut self, wanted: u8, time: Duration) -> Checked<Opened> {
        let end = Instant::now() + time;
        while let Some(packet) = self.receive(end) {
            if packet.kind == wanted {
                return Ok(packet);
            }
        }
        missing(format!("no {} within {time:?}", kind::name(wanted)))
    }

    /// Challenges the client until its response arrives.
    pub(crate) fn response(&mut self) -> Checked<Opened> {
        let body = self.challenge.body();
        self.exchange(
            |server| server.seal_global(kind::CHALLENGE, &body),
            "challenge",
            "response after a challenge",
            |packet| (packet.kind == kind::RESPONSE).then(|| packet.clone()),
        )
    }

    /// Sends keep-alives until the client sends one, or a payload.
    pub(crate) fn accept(&mut self) -> Checked {
        self.exchange(
            |server| server.seal(kind::KEEP_ALIVE, &[1, 0, 0, 0, 8, 0, 0, 0]),
            "keep-alive",
            "keep-alive of a client that is connected",
            |packet| matches!(packet.kind, kind::KEEP_ALIVE | kind::PAYLOAD).then_some(()),
        )?;
        self.connected = true;
        Ok(())
    }

    /// Sends what `make` gives, and repeats it, until `pick` takes an answer.
    pub(crate) fn exchange<T>(
        &mut self,
        mut make: impl FnMut(&mut Self) -> Vec<u8>,
        text: &str,
        wanted: &str,
        mut pick: impl FnMut(&Opened) -> Option<T>,
    ) -> Checked<T> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let datagram = make(self);
            self.send(text, &datagram);
            let pause = Instant::now() + SEND_INTERVAL;
            while let Some(packet) = self.receive(pause) {
                if let Some(taken) = pick(&packet) {
                    return Ok(taken);
                }
            }
        }
        missing(format!("no {wanted} within {} s", PATIENCE.as_secs_f32()))
    }

    /// Sends a payload until it comes back.
    pub(crate) fn echo(&mut self, payload: &[u8]) -> Checked {
        self.exchange(
            |server| server.seal(kind::PAYLOAD, payload),
            &format!("payload of {} bytes", payload.len()),
            &format!("payload of {} bytes came back", payload.len()),
            |packet| (packet.kind == kind::PAYLOAD && packet.body == payload).then_some(()),
        )
    }

    /// Passes if the client goes on sending packets of this type and no other.
    pub(crate) fn goes_on_with(&mut self, wanted: u8) -> Checked {
        // What was under way before.
        self.listen(Duration::from_millis(30));
        let packets = self.listen(Duration::from_millis(350));
        match packets.iter().find(|packet| packet.kind != wanted) {
            Some(other) => wrong(format!(
                "the client sent a {} instead of a {}",
                kind::name(other.kind),
                kind::name(wanted)
            )),
            None if packets.is_empty() => missing(format!("no more {}s", kind::name(wanted))),
            None => Ok(()),
        }
    }

    /// Passes if the client is still connected.
    pub(crate) fn is_still_connected(&mut self) -> Checked {
        let end = Instant::now() + PATIENCE;
        match self.receive(end).map(|packet| packet.kind) {
            Some(kind::KEEP_ALIVE | kind::PAYLOAD) => Ok(()),
            Some(kind) => wrong(format!("the client sent a {}", kind::name(kind))),
            None => missing("no keep-alive: the client's session ended"),
        }
    }

    /// Passes if the client sends nothing, after what is under way.
    pub(crate) fn is_silent(&mut self, time: Duration) -> Checked {
        self.listen(Duration::from_millis(100));
        let sent = |packet: &Opened| packet.kind != kind::DISCONNECT;
        match self.listen(time).into_iter().find(sent) {
            Some(packet) => wrong(format!("the client sent a {}", kind::name(packet.kind))),
            None => Ok(()),
        }
    }
}
