//! A client that the tool plays. It keeps the rules unless a check breaks one with it.

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

/// Largest datagram of UDP.
const LARGEST: usize = 65_536;

/// A client that the tool plays.
pub(crate) struct Player {
    pub(crate) name: &'static str,
    pub(crate) token: Token,
    /// Request of the token, as it is sent.
    pub(crate) request: Vec<u8>,
    /// Sequence of its next packet.
    pub(crate) sequence: u64,
    pub(crate) connected: bool,
    /// It sends keep-alives while it waits.
    pub(crate) keeps_alive: bool,
    /// Slot and number of slots, from the server's latest keep-alive.
    pub(crate) place: Option<(u32, u32)>,
    /// Bytes that the server sent here.
    pub(crate) received_bytes: usize,
    /// Behaviour of the server that only one check is about.
    pub(crate) oddities: Oddities,
    socket: UdpSocket,
    server: SocketAddr,
    log: Log,
    /// Datagrams by sequence and key, to tell a network's copies from a nonce used twice.
    seen: BTreeMap<(Key, u64), Vec<u8>>,
    last_sent: Instant,
}

/// Rules about every packet. Breaking them fails the checks for them, and no other.
#[derive(Default)]
pub(crate) struct Oddities {
    /// A sequence that sealed two different packets.
    pub(crate) nonce_reused: Option<u64>,
    /// Prefix of a packet whose sequence has not as few bytes as it needs.
    pub(crate) not_minimal: Option<u8>,
    /// Length of a packet that did not open, or whose form is wrong.
    pub(crate) unreadable: Option<usize>,
}

impl Player {
    pub(crate) fn new(
        name: &'static str,
        socket: UdpSocket,
        server: SocketAddr,
        token: Token,
        private_key: &Key,
        log: Log,
    ) -> Self {
        Self {
            name,
            request: token.request(private_key),
            token,
            sequence: 0,
            connected: false,
            keeps_alive: true,
            place: None,
            received_bytes: 0,
            oddities: Oddities::default(),
            socket,
            server,
            log,
            seen: BTreeMap::new(),
            last_sent: Instant::now(),
        }
    }

    /// Local address, as the server sees it where no translation is between.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// Begins again at the same address with another token.
    pub(crate) fn begin_again(&mut self, token: Token, private_key: &Key) {
        self.leave();
        self.request = token.request(private_key);
        self.token = token;
        self.sequence = 0;
        self.place = None;
        self.oddities = Oddities::default();
    }

    /// Sends a datagram as it is.
    pub(crate) fn send(&mut self, text: &str, datagram: &[u8]) {
        self.log.sent(format!("{}: {text}", self.name), datagram);
        self.last_sent = Instant::now();
        // An error is a report of an earlier datagram, or a full buffer: both are losses.
        let _ = self.socket.send_to(datagram, self.server);
    }

    /// Sends one of many datagrams that are no evidence each.
    pub(crate) fn send_unlogged(&mut self, datagram: &[u8]) {
        let _ = self.socket.send_to(datagram, self.server);
    }

    /// Seals a packet with the next sequence.
    pub(crate) fn seal(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let sequence = self.sequence;
        self.sequence = sequence.saturating_add(1);
        self.seal_at(sequence, kind, body)
    }

    /// Seals a packet with any sequence.
    pub(crate) fn seal_at(&self, sequence: u64, kind: u8, body: &[u8]) -> Vec<u8> {
        Seal::new(self.token.protocol_id, kind, sequence, body)
            .seal(&self.token.keys.client_to_server)
    }

    /// Next packet of the server until `end`, with keep-alives meanwhile.
    pub(crate) fn receive(&mut self, end: Instant) -> Option<Opened> {
        let mut buffer = vec![0; LARGEST];
        loop {
            let now = Instant::now();
            let left = end.checked_duration_since(now).filter(|it| !it.is_zero())?;
            if self.connected && self.keeps_alive && self.last_sent.elapsed() >= SEND_INTERVAL {
                self.send_keep_alive();
            }
            let wait = left.min(Duration::from_millis(20));
            let _ = self.socket.set_read_timeout(Some(wait));
            let Ok((len, from)) = self.socket.recv_from(&mut buffer) else {
                continue;
            };
            let Some(datagram) = buffer.get(..len).filter(|_| from == self.server) else {
                continue;
            };
            let datagram = datagram.to_vec();
            if let Some(packet) = self.open(&datagram) {
                return Some(packet);
            }
        }
    }

    fn open(&mut self, datagram: &[u8]) -> Option<Opened> {
        self.received_bytes += datagram.len();
        let key = self.token.keys.server_to_client;
        let opened = match open(datagram, &key, self.token.protocol_id) {
            Ok(opened) => opened,
            Err(error) => {
                let text = format!("{}: a datagram that does not open ({error:?})", self.name);
                self.log.received(text, datagram);
                self.oddities.unreadable.get_or_insert(datagram.len());
                return None;
            }
        };
        match self.seen.insert((key, opened.sequence), datagram.to_vec()) {
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
        if let (kind::KEEP_ALIVE, Ok(body)) = (opened.kind, <[u8; 8]>::try_from(&*opened.body)) {
            let [a, b, c, d, e, f, g, h] = body;
            let index = u32::from_le_bytes([a, b, c, d]);
            self.place = Some((index, u32::from_le_bytes([e, f, g, h])));
        }
        Some(opened)
    }

    pub(crate) fn send_keep_alive(&mut self) {
        let datagram = self.seal(kind::KEEP_ALIVE, &[0; 8]);
        self.send("keep-alive", &datagram);
    }

    /// Sends what `make` gives, and repeats it, until `pick` takes an answer.
    pub(crate) fn exchange<T>(
        &mut self,
        wanted: &str,
        mut make: impl FnMut(&mut Self) -> Vec<u8>,
        text: &str,
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

    /// Requests until a challenge arrives.
    pub(crate) fn challenge(&mut self) -> Checked<Challenge> {
        let answer = self.exchange(
            "challenge after a connection request",
            |player| player.request.clone(),
            "connection request",
            |packet| match packet.kind {
                kind::CHALLENGE => Some(Challenge::read(&packet.body).ok_or(packet.body.len())),
                kind::DENIED => Some(Err(usize::MAX)),
                _ => None,
            },
        )?;
        match answer {
            Ok(challenge) => Ok(challenge),
            Err(usize::MAX) => missing("denied: is the server full of others' clients?"),
            Err(len) => wrong(format!(
                "a challenge with a body of {len} bytes instead of 308"
            )),
        }
    }

    /// Answers a challenge until the server's first keep-alive arrives.
    pub(crate) fn respond(&mut self, challenge: &Challenge) -> Checked {
        let body = challenge.body();
        self.exchange(
            "keep-alive after a response",
            |player| player.seal(kind::RESPONSE, &body),
            "response",
            |packet| (packet.kind == kind::KEEP_ALIVE).then_some(()),
        )?;
        self.connected = true;
        Ok(())
    }

    /// Connects by the rules.
    pub(crate) fn connect(&mut self) -> Checked {
        let challenge = self.challenge()?;
        self.respond(&challenge)
    }

    /// Leaves by the rules, with the redundant disconnect packets.
    pub(crate) fn leave(&mut self) {
        if self.connected {
            self.log.remark(format!(
                "{}: leaves, with ten disconnect packets",
                self.name
            ));
            self.send_disconnects();
        }
    }

    fn send_disconnects(&mut self) {
        if std::mem::take(&mut self.connected) {
            for _ in 0..10 {
                let datagram = self.seal(kind::DISCONNECT, &[]);
                self.send_unlogged(&datagram);
            }
        }
    }

    /// Lowest sequence of a packet that the server sent here.
    pub(crate) fn lowest_sequence(&self) -> Option<u64> {
        self.seen.keys().map(|(_, sequence)| *sequence).min()
    }

    /// Packets of the server until this time has passed.
    pub(crate) fn listen(&mut self, time: Duration) -> Vec<Opened> {
        let end = Instant::now() + time;
        std::iter::from_fn(|| self.receive(end)).collect()
    }

    /// Sends a payload until it comes back.
    pub(crate) fn echo(&mut self, payload: &[u8]) -> Checked {
        self.exchange(
            &format!("payload of {} bytes came back", payload.len()),
            |player| player.seal(kind::PAYLOAD, payload),
            &format!("payload of {} bytes", payload.len()),
            |packet| (packet.kind == kind::PAYLOAD && packet.body == payload).then_some(()),
        )
    }

    /// Passes if nothing arrives until this time has passed.
    pub(crate) fn hears_nothing(&mut self, time: Duration) -> Checked {
        let before = self.received_bytes;
        match self.listen(time).first() {
            Some(packet) => wrong(format!(
                "{} got a {} (sequence {})",
                self.name,
                kind::name(packet.kind),
                packet.sequence
            )),
            None if self.received_bytes > before => {
                wrong(format!("{} got a datagram that does not open", self.name))
            }
            None => Ok(()),
        }
    }

    /// Passes if the session goes on: a packet of the server arrives, and no disconnect.
    pub(crate) fn is_still_connected(&mut self) -> Checked {
        let end = Instant::now() + PATIENCE;
        match self.receive(end).map(|packet| packet.kind) {
            Some(kind::KEEP_ALIVE | kind::PAYLOAD) => Ok(()),
            Some(kind) => wrong(format!("{} got a {}", self.name, kind::name(kind))),
            None => missing(format!(
                "no keep-alive for {}: its session ended",
                self.name
            )),
        }
    }

    /// Passes if the server sends no more packets of the session, after those under way.
    pub(crate) fn session_has_ended(&mut self, time: Duration) -> Checked {
        self.listen(Duration::from_millis(150));
        let alive = |packet: &Opened| packet.kind != kind::DISCONNECT;
        match self.listen(time).into_iter().find(alive) {
            Some(packet) => wrong(format!(
                "{} got a {} of a session that is over",
                self.name,
                kind::name(packet.kind)
            )),
            None => Ok(()),
        }
    }
}

impl Drop for Player {
    /// The slot is for others; what happened until here is the evidence.
    fn drop(&mut self) {
        self.send_disconnects();
    }
}
