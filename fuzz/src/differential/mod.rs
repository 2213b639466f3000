//! The same datagrams into our server, the reference's port and `renetcode`: who is connected, which
//! payloads arrive and which kinds of answers come are the same, but for the differences in
//! `oddity`.
//!
//! | file | contents |
//! | --- | --- |
//! | `peers` | the three servers |
//! | `observed` | what is compared, and what is unusual about datagrams |
//! | `oddity` | the table of explained differences |

mod observed;
mod oddity;
mod peers;

use std::collections::{BTreeMap, HashSet};
use std::net::UdpSocket;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arbitrary::{Result, Unstructured};

use self::observed::{Flaws, flaws_of, see};
use self::oddity::{Oddities, Oddity};
use self::peers::{AnyServer, Clients, Official, Ours, Peer, Reaction, Renet, SLOTS};
use crate::forge::{DISCONNECT, Edits, KEEP_ALIVE, PAYLOAD, PROTOCOL_ID, Packet, RESPONSE, choose};
use crate::take_steps;
use crate::ticket::Ticket;

/// Steps of one run, at most.
const MOST_STEPS: usize = 96;
/// Clients, by address.
const CLIENTS: u8 = 3;
/// Units of time: exact in floating point, so that all servers' timers agree.
const UNITS_PER_SECOND: u64 = 64;

thread_local! {
    /// Sockets of the clients. Their addresses are the clients' for every server.
    static SOCKETS: Vec<UdpSocket> = (0..CLIENTS).map(|_| socket()).collect();
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("a socket may do so");
    socket
}

/// Runs one input.
pub fn differential(data: &[u8]) {
    SOCKETS.with(|sockets| {
        let mut input = Unstructured::new(data);
        let mut world = World::new(sockets);
        take_steps(&mut input, MOST_STEPS, |input| world.step(input));
    });
}

/// A session, as the fuzzer counts it.
struct Session {
    from: usize,
    since: u64,
    confirmed: bool,
}

/// Other server, and the challenges that it has sent for each ticket.
struct Compared<'n> {
    peer: Peer,
    server: Box<dyn AnyServer + 'n>,
    challenges: Vec<Vec<u8>>,
    /// `false` after an explained difference: from there on they are in different states.
    agrees: bool,
}

struct World<'n> {
    ours: Ours,
    our_challenges: Vec<Vec<u8>>,
    others: Vec<Compared<'n>>,
    tickets: Vec<Ticket>,
    oddities: Oddities,
    /// Time, in units.
    now: u64,
    sessions: BTreeMap<u64, Session>,
    used: HashSet<usize>,
    /// Tickets presented from each address.
    presented: Vec<HashSet<usize>>,
    /// Time of the last request with each ticket.
    requested: Vec<u64>,
    /// Datagrams without a challenge, which differs by server.
    repeatable: Vec<(usize, Vec<u8>, Flaws)>,
}

fn date() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a date after 1970").as_secs()
}

/// Six tickets of four clients; one has expired. The reference reads the date itself, so expiry is
/// an hour away.
fn tickets(server: std::net::SocketAddr, unix: u64) -> Vec<Ticket> {
    let timeouts = [5, 2, -1, 0, 30, 5];
    (0..6_u8)
        .map(|number| {
            let expires = if number == 5 {
                unix - 3600
            } else {
                unix + 3600
            };
            let id = u64::from(number % 4) + 1;
            Ticket::new(number + 1, id, expires, &[server])
                .with_timeout(timeouts[usize::from(number)])
        })
        .collect()
}

impl<'n> World<'n> {
    fn new(sockets: &'n [UdpSocket]) -> Self {
        let mut buffer = [0; 2048];
        let mut clients = Clients::new();
        for socket in sockets {
            // Left by an earlier input.
            while socket.recv_from(&mut buffer).is_ok() {}
            clients.push(socket.local_addr().expect("it is bound"));
        }
        let unix = date();
        let official = Official::start(sockets);
        let address = official.address();
        let tickets = tickets(address, unix);
        let none = vec![vec![0; 308]; tickets.len()];
        let compared = |peer, server| Compared {
            peer,
            server,
            challenges: none.clone(),
            agrees: true,
        };
        let renet = Renet::start(&clients, address, unix);
        Self {
            ours: Ours::start(&clients, address, unix),
            our_challenges: none.clone(),
            others: vec![
                compared(Peer::Official, Box::new(official)),
                compared(Peer::Renet, Box::new(renet)),
            ],
            requested: vec![0; tickets.len()],
            tickets,
            oddities: Oddities::default(),
            now: 0,
            sessions: BTreeMap::new(),
            used: HashSet::new(),
            presented: vec![HashSet::new(); clients.len()],
            repeatable: Vec::new(),
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let number = usize::from(choose(input, 6)?);
        let from = usize::from(choose(input, CLIENTS)?);
        match choose(input, 12)? {
            0 | 1 => {
                let edits = Edits::decode(input)?;
                self.request(number, from, edits);
            }
            2 | 3 => {
                self.request(number, from, Edits::NONE);
                self.response(number, number, from, Edits::NONE);
            }
            4 => {
                let other = usize::from(choose(input, 6)?);
                let edits = Edits::decode(input)?;
                self.response(number, other, from, edits);
            }
            5..=7 => self.packet(number, from, input)?,
            8 => {
                let which = usize::from(input.arbitrary::<u8>()?);
                let sent = self.repeatable.iter().rev().nth(which);
                if let Some((_, datagram, flaws)) = sent.cloned() {
                    self.deliver(from, &datagram, flaws);
                }
            }
            9 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let datagram = input.bytes(len)?.to_vec();
                self.deliver(from, &datagram, Flaws::default());
            }
            10 => {
                for _ in 0..=choose(input, 16)? {
                    let units = 1 + u64::from(choose(input, 63)?);
                    self.pass(units);
                }
            }
            _ => {
                let id = self.tickets[number].client_id;
                let ours = self.ours.disconnect(id);
                let others = self.each(|server| server.disconnect(id));
                self.compare(ours, others, "a disconnect by the server");
            }
        }
        Ok(())
    }

    fn each(&mut self, call: impl Fn(&mut dyn AnyServer) -> Reaction) -> Vec<Reaction> {
        let others = self.others.iter_mut();
        others.map(|other| call(&mut *other.server)).collect()
    }

    fn request(&mut self, number: usize, from: usize, edits: Edits) {
        let mut datagram = self.tickets[number].request();
        let changed = edits.apply(&mut datagram);
        let mut flaws = Flaws::default();
        if !changed {
            flaws.authentic = Some((0, number));
            // A request that is refused prolongs no handshake.
            if !self.refuses(number) {
                self.requested[number] = self.now;
            }
        } else {
            flaws.odd.push(Oddity::WrongLength);
        }
        self.deliver(from, &datagram, flaws);
    }

    /// `true` if a ticket's request is refused: the servers are full, or its client is connected.
    fn refuses(&self, number: usize) -> bool {
        let id = self.tickets[number].client_id;
        self.sessions.len() >= SLOTS as usize || self.sessions.contains_key(&id)
    }

    /// A response with each server's own challenge for a ticket.
    fn response(&mut self, number: usize, challenged: usize, from: usize, edits: Edits) {
        let ticket = &mut self.tickets[number];
        let sequence = ticket.sequence;
        ticket.sequence += 1;
        let key = ticket.client_to_server;
        let seal = |body: &[u8]| {
            let packet = Packet {
                kind: RESPONSE,
                sequence,
                sequence_bytes: None,
                body: body.to_vec(),
            };
            let mut datagram = packet.seal(&key, PROTOCOL_ID);
            edits.apply(&mut datagram);
            datagram
        };
        if number != challenged {
            self.oddities.note(Oddity::ForeignChallenge);
        }
        let waited = self.now - self.requested[number];
        let timeout = self.tickets[number].timeout;
        let patience = u64::try_from(timeout).map(|it| it * UNITS_PER_SECOND);
        if patience.is_ok_and(|patience| waited >= patience) {
            self.oddities.note(Oddity::AfterTimeout);
        }
        if waited >= 10 * UNITS_PER_SECOND {
            self.oddities.note(Oddity::LateResponse);
        }
        if self.sessions.values().any(|session| session.from == from) {
            self.oddities.note(Oddity::WrongType);
        }
        let ours = self
            .ours
            .deliver(from, &seal(&self.our_challenges[challenged]));
        let others = self
            .others
            .iter_mut()
            .map(|other| {
                other
                    .server
                    .deliver(from, &seal(&other.challenges[challenged]))
            })
            .collect();
        let before = self.sessions.len();
        self.compare(ours, others, "a response");
        self.count_sessions(from, number);
        if self.sessions.len() == before {
            self.oddities.note(Oddity::Refused);
        }
    }

    /// A packet of a session, of any kind and with any flaw.
    fn packet(&mut self, number: usize, from: usize, input: &mut Unstructured<'_>) -> Result<()> {
        let kind = match choose(input, 8)? {
            0 | 1 => KEEP_ALIVE,
            2..=5 => PAYLOAD,
            6 => DISCONNECT,
            _ => choose(input, 16)?,
        };
        let mut body = match kind {
            KEEP_ALIVE => vec![0; 8],
            PAYLOAD => vec![input.arbitrary()?; usize::from(input.arbitrary::<u16>()? % 1204)],
            _ => Vec::new(),
        };
        Edits::decode(input)?.apply(&mut body);
        // A response is made with each server's challenge.
        let kind = if kind == RESPONSE { KEEP_ALIVE } else { kind };
        let ticket = &mut self.tickets[number];
        let mut packet = Packet {
            kind,
            sequence: ticket.sequence,
            sequence_bytes: None,
            body,
        };
        ticket.sequence += 1;
        match choose(input, 16)? {
            0 => {
                packet.sequence = packet
                    .sequence
                    .wrapping_sub(input.arbitrary::<u16>()?.into())
            }
            1 => {
                packet.sequence = packet
                    .sequence
                    .wrapping_add(input.arbitrary::<u16>()?.into())
            }
            2 => packet.sequence = input.arbitrary()?,
            3 => packet.sequence_bytes = Some(choose(input, 16)?),
            _ => {}
        }
        let mut datagram = packet.seal(&ticket.client_to_server, PROTOCOL_ID);
        let changed = Edits::decode(input)?.apply(&mut datagram);
        let mut flaws = Flaws::default();
        if !changed {
            flaws = flaws_of(&packet, number);
        }
        self.deliver(from, &datagram, flaws);
        Ok(())
    }

    fn deliver(&mut self, from: usize, datagram: &[u8], flaws: Flaws) {
        for oddity in &flaws.odd {
            self.oddities.note(*oddity);
        }
        let connected = self.sessions.values().any(|session| session.from == from);
        match flaws.authentic {
            Some((0, number)) => {
                self.presented[from].insert(number);
                if self.presented[from].len() > 1 {
                    self.oddities.note(Oddity::TwoTokensAtAddress);
                }
                if self.used.contains(&number) {
                    self.oddities.note(Oddity::TokenAgain);
                }
                if connected {
                    self.oddities.note(Oddity::RequestWhileConnected);
                }
                if self.refuses(number) {
                    self.oddities.note(Oddity::Refused);
                }
            }
            Some((KEEP_ALIVE | PAYLOAD, number)) => {
                let id = self.tickets[number].client_id;
                match self.sessions.get_mut(&id).filter(|it| it.from == from) {
                    Some(session) => session.confirmed = true,
                    None => self.oddities.note(Oddity::EarlyPacket),
                }
            }
            Some(_) if !connected => self.oddities.note(Oddity::EarlyPacket),
            // They take any request for a sign of life, authentic or not.
            None if connected => self.oddities.note(Oddity::RequestWhileConnected),
            _ => {}
        }
        let ours = self.ours.deliver(from, datagram);
        let others = self.each(|server| server.deliver(from, datagram));
        self.compare(ours, others, "a datagram");
        self.count_ended();
        self.repeatable.push((from, datagram.to_vec(), flaws));
    }

    fn pass(&mut self, units: u64) {
        self.now += units;
        let step = Duration::from_micros(units * 1_000_000 / UNITS_PER_SECOND);
        let silent = |session: &Session| {
            !session.confirmed && self.now - session.since >= 10 * UNITS_PER_SECOND
        };
        if self.sessions.values().any(silent) {
            self.oddities.note(Oddity::SilentSlot);
        }
        let mut ours = self.ours.pass(step);
        let mut others = self.each(|server| server.pass(step));
        // Ours and renetcode's send disconnect packets to those that time out.
        for reaction in others.iter_mut().chain([&mut ours]) {
            reaction.sent.clear();
        }
        if self.ours.connected().len() < self.sessions.len() {
            self.oddities.note(Oddity::TimedOut);
        }
        self.compare(ours, others, "time");
        self.count_ended();
    }

    /// Counts the session that a response opened, if it did.
    fn count_sessions(&mut self, from: usize, number: usize) {
        self.count_ended();
        let id = self.tickets[number].client_id;
        if self.ours.connected().contains(&id) && !self.sessions.contains_key(&id) {
            self.used.insert(number);
            let session = Session {
                from,
                since: self.now,
                confirmed: false,
            };
            self.sessions.insert(id, session);
        }
    }

    fn count_ended(&mut self) {
        let connected = self.ours.connected();
        self.sessions.retain(|id, _| connected.contains(id));
    }

    fn compare(&mut self, ours: Reaction, others: Vec<Reaction>, after: &str) {
        let expected = see(
            &self.tickets,
            ours,
            self.ours.connected(),
            &mut self.our_challenges,
        );
        for (other, reaction) in self.others.iter_mut().zip(others) {
            let connected = other.server.connected();
            let seen = see(&self.tickets, reaction, connected, &mut other.challenges);
            if !other.agrees || seen == expected {
                continue;
            }
            let peer = other.peer;
            assert!(
                self.oddities.explain(peer),
                "after {after}: ours {expected:?}, {peer:?} {seen:?}"
            );
            other.agrees = false;
        }
    }
}
