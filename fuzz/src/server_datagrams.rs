//! A server among clients and attackers that hold keys: valid packets of every kind, changed before
//! and after sealing, repeated, from any address, at any time.

use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use netcode_core::crypto::Key;
use netcode_core::server::{Admission, MAX_SEND_BYTES, Received, Server, StaticStorage};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{ClientIndex, Instant, UnixTime};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::forge::{
    CHALLENGE, DENIED, DISCONNECT, Edits, OTHER_KEY, PAYLOAD, PRIVATE_KEY, PROTOCOL_ID, Packet,
    RESPONSE, UNIX, choose,
};
use crate::server_setup::{SLOTS, client_address, config, keys, tickets};
use crate::server_witness::{Origin, Witness};
use crate::take_steps;
use crate::ticket::Ticket;

const HALF_OPEN: usize = 3;
const TOKENS: usize = 6;

/// Steps of one run, at most.
const MOST_STEPS: usize = 256;
/// Tickets of one run, at most.
const MOST_TICKETS: usize = 40;

/// Runs one input.
pub fn server_datagrams(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(rules) = input.arbitrary::<u8>() else {
        return;
    };
    let mut storage = StaticStorage::<SLOTS, HALF_OPEN, TOKENS>::new();
    let config = config(rules);
    let server = Server::new(storage.tables(), config).expect("the configuration is valid");
    let mut world = World::new(server, tickets(rules & 8 != 0));
    take_steps(&mut input, MOST_STEPS, |input| {
        world.step(input)?;
        world.check();
        Ok(())
    });
}

/// Datagram sent before.
struct Sent {
    ticket: Option<usize>,
    datagram: Vec<u8>,
    packet: Option<Packet>,
}

struct World<'s> {
    server: Server<'s>,
    rng: StdRng,
    now: Instant,
    tickets: Vec<Ticket>,
    witness: Witness,
    sent: Vec<Sent>,
    arrived: u64,
}

impl<'s> World<'s> {
    fn new(mut server: Server<'s>, tickets: Vec<Ticket>) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        let now = Instant::from_millis(1);
        let unix = UnixTime::from_secs(UNIX);
        server.start(now, unix, &mut rng).expect("it is stopped");
        Self {
            server,
            rng,
            now,
            tickets,
            witness: Witness::new(SLOTS),
            sent: Vec::new(),
            arrived: 0,
        }
    }

    fn ticket(&self, input: &mut Unstructured<'_>) -> Result<usize> {
        let count = u8::try_from(self.tickets.len()).unwrap_or(u8::MAX);
        choose(input, count).map(usize::from)
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match choose(input, 16)? {
            0 | 1 => self.request(input)?,
            2..=4 => self.handshake(input)?,
            5..=8 => self.packet(input)?,
            9 => {
                let from = client_address(input.arbitrary()?);
                let len = usize::from(input.arbitrary::<u8>()?);
                let datagram = input.bytes(len.min(input.len()))?.to_vec();
                self.deliver(from, None, datagram, None);
            }
            10 => self.repeat(input)?,
            11 => {
                let millis = input.arbitrary::<u16>()? % 2048;
                self.now = self
                    .now
                    .saturating_add(Duration::from_millis(millis.into()));
            }
            12 => match choose(input, 4)? {
                0 => self.now = Instant::from_millis(input.arbitrary::<u32>()?.into()),
                _ => {
                    let later = UNIX + u64::from(input.arbitrary::<u8>()?);
                    let unix = UnixTime::from_secs(later);
                    self.server.set_unix_time(self.now, unix);
                }
            },
            13 => self.send(input)?,
            14 => {
                let client = ClientIndex(choose(input, 3)?.into());
                let expected = self.witness.is_connected(client);
                assert_eq!(self.server.disconnect(self.now, client), expected);
            }
            _ => match choose(input, 8)? {
                0 | 4 => self.server.disconnect_all(self.now),
                1 | 5 => self.server.stop(self.now),
                2 => self.rotate_key(input)?,
                3 => self.server.set_admission(match self.server.admission() {
                    Admission::Open => Admission::Closed,
                    Admission::Closed => Admission::Open,
                }),
                _ => {
                    let running = self.server.is_running();
                    let unix = UnixTime::from_secs(UNIX);
                    let started = self.server.start(self.now, unix, &mut self.rng);
                    assert_eq!(started.is_ok(), !running);
                }
            },
        }
        self.drain(None);
        Ok(())
    }

    /// A change to the other key.
    fn rotate_key(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let other = match *self.server.config().private_key.as_bytes() {
            PRIVATE_KEY => OTHER_KEY,
            _ => PRIVATE_KEY,
        };
        let until = UnixTime::from_secs(UNIX + u64::from(input.arbitrary::<u8>()?));
        assert!(self.server.rotate_key(Key::from_bytes(other), until));
        Ok(())
    }

    /// A connection request, of a ticket as minted or of one changed before it was sealed.
    fn request(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let mut number = self.ticket(input)?;
        let from = client_address(input.arbitrary()?);
        let before = Edits::decode(input)?;
        let after = Edits::decode(input)?;
        if before.apply(&mut vec![0; 1008]) && self.tickets.len() < MOST_TICKETS {
            let fresh = u8::try_from(self.tickets.len()).unwrap_or(u8::MAX);
            let changed = self.tickets[number].changed(fresh + 20, before);
            // A backend draws the keys of each token: no two have the same.
            let of_another = |it: &Ticket| it.server_to_client == changed.server_to_client;
            if !self.tickets.iter().any(of_another) {
                self.tickets.push(changed);
                number = self.tickets.len() - 1;
            }
        }
        let mut datagram = self.tickets[number].request();
        after.apply(&mut datagram);
        self.deliver(from, Some(number), datagram, None);
        Ok(())
    }

    /// A whole handshake: request, challenge, response.
    fn handshake(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let number = self.ticket(input)?;
        let from = client_address(input.arbitrary()?);
        let request = self.tickets[number].request();
        self.deliver(from, Some(number), request, None);
        let body = self.tickets[number].response_body();
        let packet = self.tickets[number].next_packet(RESPONSE, body);
        let datagram = self.seal(number, &packet);
        self.deliver(from, Some(number), datagram, Some(packet));
        Ok(())
    }

    fn seal(&self, number: usize, packet: &Packet) -> Vec<u8> {
        packet.seal(&self.tickets[number].client_to_server, PROTOCOL_ID)
    }

    /// A sealed packet of any kind, with any flaw.
    fn packet(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let number = self.ticket(input)?;
        let from = client_address(input.arbitrary()?);
        let kind = match choose(input, 16)? {
            0..=2 => RESPONSE,
            3..=5 => 4,
            6..=11 => PAYLOAD,
            12 => DISCONNECT,
            13 => DENIED,
            14 => CHALLENGE,
            _ => choose(input, 16)?,
        };
        let body = match kind {
            RESPONSE | CHALLENGE => self.tickets[self.ticket(input)?].response_body(),
            4 => input.arbitrary::<u64>()?.to_le_bytes().to_vec(),
            DISCONNECT | DENIED => Vec::new(),
            _ => vec![input.arbitrary()?; usize::from(input.arbitrary::<u16>()? % 1204)],
        };
        let mut packet = self.tickets[number].next_packet(kind, body);
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
        let before = Edits::decode(input)?;
        before.apply(&mut packet.body);
        let mut datagram = match choose(input, 32)? {
            0 => packet.seal(&self.tickets[number].server_to_client, PROTOCOL_ID),
            1 => packet.seal(&self.tickets[number].client_to_server, PROTOCOL_ID ^ 1),
            2 => packet.seal(&[0xee; 32], PROTOCOL_ID),
            _ => {
                let mut datagram = self.seal(number, &packet);
                let changed = Edits::decode(input)?.apply(&mut datagram);
                let packet = (!changed).then_some(packet);
                self.deliver(from, Some(number), datagram, packet);
                return Ok(());
            }
        };
        Edits::decode(input)?.apply(&mut datagram);
        self.deliver(from, Some(number), datagram, None);
        Ok(())
    }

    /// A datagram sent before, from any address.
    fn repeat(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let back = usize::from(input.arbitrary::<u8>()?);
        let from = client_address(input.arbitrary()?);
        let Some(sent) = self.sent.iter().rev().nth(back) else {
            return Ok(());
        };
        let (ticket, mut datagram) = (sent.ticket, sent.datagram.clone());
        let packet = sent.packet.clone();
        let changed = Edits::decode(input)?.apply(&mut datagram);
        self.deliver(from, ticket, datagram, packet.filter(|_| !changed));
        Ok(())
    }

    fn deliver(
        &mut self,
        from: SocketAddr,
        ticket: Option<usize>,
        datagram: Vec<u8>,
        packet: Option<Packet>,
    ) {
        let origin = Origin {
            from,
            ticket,
            packet: packet.as_ref(),
        };
        let due = self.witness.due_payload(&origin).map(<[u8]>::to_vec);
        let due = due.filter(|_| self.server.is_running());
        let mut bytes = datagram.clone();
        let len = bytes.len();
        self.arrived += 1;
        let keys = keys(&self.server);
        let mut reported = None;
        match self.server.handle_datagram(self.now, from, &mut bytes) {
            Ok(Received::Event(event)) => {
                let event = event.map_payload(|place| bytes[place].to_vec());
                if let netcode_core::server::Event::Payload { payload, .. } = &event {
                    reported = Some(payload.clone());
                }
                self.witness.event(event, &self.tickets, Some(&origin));
            }
            Ok(Received::Reply(reply)) => {
                assert!(reply.datagram.len() < len, "a reply as long as its request");
                let (to, tickets) = (reply.to, &self.tickets);
                let (answer, number) = self.witness.sent(to, reply.datagram, tickets, ticket);
                // A session that is replaced ends where it was.
                assert!(to == from || answer.kind == DISCONNECT);
                if answer.kind == CHALLENGE {
                    assert!(keys.contains(&self.tickets[number].key));
                    self.tickets[number].keep_challenge(&answer.body);
                }
            }
            Ok(Received::Handled) => self.witness.handled(&origin),
            Err(_) => {}
        }
        assert_eq!(reported, due, "a payload that is due is reported");
        self.drain(Some(&origin));
        self.sent.push(Sent {
            ticket,
            datagram,
            packet,
        });
    }

    fn send(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let client = ClientIndex(choose(input, 3)?.into());
        let payload = vec![7; usize::from(input.arbitrary::<u16>()? % 1204)];
        let legal = (1..=1200).contains(&payload.len());
        let connected = self.witness.is_connected(client);
        let mut out = [0; MAX_SEND_BYTES];
        match self.server.send(self.now, client, &payload, &mut out) {
            Ok(Some(outgoing)) => {
                assert!(connected && legal);
                let mut last = None;
                for transmit in outgoing {
                    let sent = transmit.datagram;
                    last = Some(self.witness.sent(transmit.to, sent, &self.tickets, None));
                }
                let body = last.map(|(packet, _)| (packet.kind, packet.body));
                assert_eq!(body, Some((PAYLOAD, payload)));
            }
            Ok(None) => assert!(!connected),
            Err(_) => assert!(connected && !legal),
        }
        Ok(())
    }

    /// Takes everything that the server owes: datagrams, then events.
    fn drain(&mut self, origin: Option<&Origin<'_>>) {
        let mut out = [0; MAX_DATAGRAM_BYTES];
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut out) {
            let answered = origin.and_then(|origin| origin.ticket);
            let (to, datagram) = (transmit.to, transmit.datagram);
            self.witness.sent(to, datagram, &self.tickets, answered);
        }
        while let Some(event) = self.server.poll_event() {
            let event = event.map_payload(|_| Vec::new());
            self.witness.event(event, &self.tickets, origin);
        }
    }

    /// Compares the server's own account with the events.
    fn check(&self) {
        let server = &self.server;
        let connected = self.witness.connected();
        assert_eq!(server.connected_count() as usize, connected);
        assert_eq!(server.clients().count(), connected);
        for client in server.clients() {
            assert!(self.witness.is_connected(client.client));
            assert_eq!(server.find_by_id(client.client_id), Some(client.client));
            let address = client.address.expect("no client is local");
            assert_eq!(server.find_by_address(address), Some(client.client));
        }
        assert!(server.half_open_count() <= HALF_OPEN);
        assert!(server.token_count() <= TOKENS);
        assert_eq!(server.stats().datagrams_in, self.arrived);
        if let Some(deadline) = server.next_deadline() {
            assert!(
                deadline > self.now,
                "a deadline that is over: it would spin"
            );
        }
    }
}
