//! A client among servers and attackers that hold keys: valid packets of every kind, changed before
//! and after sealing, repeated, from any address, at any time.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use netcode_core::client::{Client, ClientState, Event, Received};
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_core::{Instant, UnixTime};

use crate::forge::{
    CHALLENGE, DENIED, DISCONNECT, Edits, KEEP_ALIVE, PAYLOAD, PROTOCOL_ID, Packet, RESPONSE, UNIX,
    choose,
};
use crate::take_steps;
use crate::ticket::Ticket;

/// Steps of one run, at most.
const MOST_STEPS: usize = 256;

/// Runs one input.
pub fn client_datagrams(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut world = World::new();
    take_steps(&mut input, MOST_STEPS, |input| {
        world.step(input)?;
        world.check();
        Ok(())
    });
}

fn server_address(number: u8) -> SocketAddr {
    match number % 3 {
        0 => ([10, 0, 0, 1], 40_000).into(),
        1 => ([10, 0, 0, 1], 40_001).into(),
        _ => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 40_000).into(),
    }
}

/// Six tickets, for one to three servers, as many as a client remembers.
fn tickets() -> Vec<Ticket> {
    (0..6)
        .map(|number: u8| {
            let servers: Vec<_> = (0..=number % 3).map(server_address).collect();
            let timeout = [5, -1, 0, 1, 2, 30][usize::from(number)];
            let expires = UNIX + 10 * (u64::from(number) + 1);
            let mut ticket = Ticket::new(number + 1, 7, expires, &servers).with_timeout(timeout);
            ticket.created = UNIX + u64::from(number);
            ticket
        })
        .collect()
}

/// Datagram sent before.
struct Sent {
    ticket: usize,
    datagram: Vec<u8>,
    packet: Option<Packet>,
}

struct World {
    client: Client,
    now: Instant,
    tickets: Vec<Ticket>,
    /// Ticket of the current attempt or session.
    ticket: Option<usize>,
    /// Tickets that opened a session.
    spent: HashSet<usize>,
    /// State as the events tell it.
    state: ClientState,
    /// Sequences received since the client turned to its current server.
    received: HashSet<u64>,
    newest: u64,
    /// Sequences that the client has sealed with, whatever the key.
    sealed: HashSet<u64>,
    sent: Vec<Sent>,
}

impl World {
    fn new() -> Self {
        Self {
            client: Client::new(),
            now: Instant::from_millis(1),
            tickets: tickets(),
            ticket: None,
            spent: HashSet::new(),
            state: ClientState::Disconnected,
            received: HashSet::new(),
            newest: 0,
            sealed: HashSet::new(),
            sent: Vec::new(),
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match choose(input, 16)? {
            0 | 1 => self.connect(input)?,
            2 | 3 => self.handshake(input)?,
            4..=9 => self.packet(input)?,
            10 => {
                let from = server_address(input.arbitrary()?);
                let len = usize::from(input.arbitrary::<u8>()?);
                let datagram = input.bytes(len.min(input.len()))?.to_vec();
                self.deliver(from, 0, datagram, None);
            }
            11 => self.repeat(input)?,
            12 => {
                let millis = input.arbitrary::<u16>()? % 4096;
                self.now = self
                    .now
                    .saturating_add(Duration::from_millis(millis.into()));
            }
            13 => self.send(input)?,
            14 => match choose(input, 8)? {
                0 => self.now = Instant::from_millis(input.arbitrary::<u32>()?.into()),
                1 => {
                    let date = UnixTime::from_secs(UNIX + u64::from(input.arbitrary::<u8>()?));
                    self.client.set_unix_time(self.now, date);
                }
                2 => {
                    let newest = UnixTime::from_secs(UNIX + u64::from(choose(input, 8)?));
                    self.client.accept_only_newer_than(newest);
                }
                _ => self.client.skip_server(self.now),
            },
            _ => self.client.disconnect(self.now),
        }
        self.drain();
        Ok(())
    }

    fn connect(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let number = usize::from(choose(input, 6)?);
        let mut token = self.tickets[number].token();
        let changed = Edits::decode(input)?.apply(&mut token);
        if changed {
            // What a backend minted wrongly: keys and addresses are then not the ticket's.
            let _ = Client::new().connect(self.now, &token);
            return Ok(());
        }
        let was_active = self.state.is_active();
        if self.client.connect(self.now, &token).is_ok() {
            assert!(!was_active, "a second attempt beside the first");
            assert!(!self.spent.contains(&number), "a spent token is used again");
            self.ticket = Some(number);
        }
        Ok(())
    }

    /// A whole handshake with the current server: challenge and keep-alive.
    fn handshake(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let challenge = input.arbitrary::<u8>()?;
        let (Some(number), Some(from)) = (self.ticket, self.client.server_address()) else {
            return Ok(());
        };
        for (kind, body) in [
            (CHALLENGE, vec![challenge; 308]),
            (KEEP_ALIVE, vec![0, 0, 0, 0, 2, 0, 0, 0]),
        ] {
            let packet = self.tickets[number].next_packet(kind, body);
            let datagram = self.seal(number, &packet);
            self.deliver(from, number, datagram, Some(packet));
        }
        Ok(())
    }

    fn seal(&self, number: usize, packet: &Packet) -> Vec<u8> {
        packet.seal(&self.tickets[number].server_to_client, PROTOCOL_ID)
    }

    /// A sealed packet of any kind, with any flaw. Mostly of the current ticket and server.
    fn packet(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let choice = input.arbitrary::<u8>()?;
        let number = match self.ticket {
            Some(number) if choice & 7 != 0 => number,
            _ => usize::from(choice >> 3) % self.tickets.len(),
        };
        let from = match self.client.server_address() {
            Some(address) if choice & 0x70 != 0 => address,
            _ => server_address(choice),
        };
        let kind = match choose(input, 16)? {
            0 | 1 => CHALLENGE,
            2..=4 => KEEP_ALIVE,
            5..=11 => PAYLOAD,
            12 => DENIED,
            13 => DISCONNECT,
            14 => RESPONSE,
            _ => choose(input, 16)?,
        };
        let body = match kind {
            RESPONSE | CHALLENGE => vec![input.arbitrary()?; 308],
            KEEP_ALIVE => input.arbitrary::<u64>()?.to_le_bytes().to_vec(),
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
        Edits::decode(input)?.apply(&mut packet.body);
        let ticket = &self.tickets[number];
        let (mut datagram, flawed) = match choose(input, 32)? {
            0 => (packet.seal(&ticket.client_to_server, PROTOCOL_ID), true),
            1 => (packet.seal(&ticket.server_to_client, PROTOCOL_ID ^ 1), true),
            2 => (packet.seal(&[0xee; 32], PROTOCOL_ID), true),
            _ => (self.seal(number, &packet), false),
        };
        let changed = Edits::decode(input)?.apply(&mut datagram);
        let packet = (!flawed && !changed).then_some(packet);
        self.deliver(from, number, datagram, packet);
        Ok(())
    }

    /// A datagram sent before, from any address.
    fn repeat(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let back = usize::from(input.arbitrary::<u8>()?);
        let from = server_address(input.arbitrary()?);
        let Some(sent) = self.sent.iter().rev().nth(back) else {
            return Ok(());
        };
        let (ticket, mut datagram) = (sent.ticket, sent.datagram.clone());
        let packet = sent.packet.clone();
        let changed = Edits::decode(input)?.apply(&mut datagram);
        self.deliver(from, ticket, datagram, packet.filter(|_| !changed));
        Ok(())
    }

    /// `true` if this packet is the current server's, authentic and not received before.
    fn admits(&self, from: SocketAddr, ticket: usize, packet: &Packet) -> bool {
        let sequence = packet.sequence_read();
        let too_old = self.newest >= 256 && sequence <= self.newest - 256;
        self.ticket == Some(ticket)
            && self.client.server_address() == Some(from)
            && packet.is_well_formed()
            && !too_old
            && !self.received.contains(&sequence)
    }

    fn deliver(
        &mut self,
        from: SocketAddr,
        ticket: usize,
        datagram: Vec<u8>,
        packet: Option<Packet>,
    ) {
        let good = packet.as_ref().filter(|it| self.admits(from, ticket, it));
        let protected = good.filter(|it| it.kind >= KEEP_ALIVE);
        let due = protected
            .filter(|it| it.kind == PAYLOAD && self.state == ClientState::Connected)
            .map(|it| it.body.clone());
        let mut bytes = datagram.clone();
        let mut reported = None;
        let server = self.client.server_address();
        let accepted = match self.client.handle_datagram(self.now, from, &mut bytes) {
            Ok(Received::Event(Event::Payload { payload, .. })) => {
                reported = Some(bytes[payload].to_vec());
                true
            }
            Ok(Received::Event(Event::StateChanged(state))) => {
                let kind = packet.as_ref().map(|packet| packet.kind);
                // A challenge or a denial has no replay protection: the sequence is any.
                assert!(self.ticket == Some(ticket) && server == Some(from));
                self.entered(state, kind);
                true
            }
            Ok(Received::Event(event)) => panic!("an unknown event: {event:?}"),
            Ok(Received::Handled) => true,
            Err(_) => false,
        };
        assert_eq!(reported, due, "a payload that is due is reported");
        assert!(
            !accepted || packet.is_some(),
            "a changed packet is accepted"
        );
        if let Some(packet) = packet
            .as_ref()
            .filter(|it| accepted && it.kind >= KEEP_ALIVE)
        {
            let sequence = packet.sequence_read();
            assert!(self.received.insert(sequence), "{sequence} accepted twice");
            self.newest = self.newest.max(sequence);
        }
        self.drain();
        self.sent.push(Sent {
            ticket,
            datagram,
            packet,
        });
    }

    /// The client reported a state. `kind` is that of the packet that caused it, if one did.
    fn entered(&mut self, state: ClientState, kind: Option<u8>) {
        use ClientState as S;
        let before = self.state;
        let legal = match (before, state, kind) {
            // Challenge, keep-alive, denial, disconnect: each in its state. (*Client State
            // Machine*.)
            (S::SendingConnectionRequest, S::SendingConnectionResponse, Some(CHALLENGE))
            | (S::SendingConnectionResponse, S::Connected, Some(KEEP_ALIVE))
            | (
                S::SendingConnectionRequest | S::SendingConnectionResponse,
                S::SendingConnectionRequest | S::ConnectionDenied,
                Some(DENIED),
            )
            | (S::Connected, S::Disconnected, Some(DISCONNECT)) => true,
            // Commands and time.
            (_, S::Disconnected, None) => before.is_active(),
            (_, S::SendingConnectionRequest, None) => before != S::Connected,
            (S::SendingConnectionRequest, S::ConnectionRequestTimedOut, None)
            | (S::SendingConnectionResponse, S::ConnectionResponseTimedOut, None)
            | (S::Connected, S::ConnectionTimedOut, None) => true,
            (
                S::SendingConnectionRequest | S::SendingConnectionResponse,
                S::ConnectTokenExpired,
                None,
            ) => true,
            _ => false,
        };
        assert!(
            legal,
            "{before:?} to {state:?} by a packet of kind {kind:?}"
        );
        if state == S::Connected {
            self.spent.extend(self.ticket);
        }
        if state == S::SendingConnectionRequest {
            self.received.clear();
            self.newest = 0;
        }
        self.state = state;
    }

    fn send(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let payload = vec![7; usize::from(input.arbitrary::<u16>()? % 1204)];
        let legal = (1..=1200).contains(&payload.len());
        let connected = self.state == ClientState::Connected;
        let mut out = [0; MAX_DATAGRAM_BYTES];
        match self.client.send(self.now, &payload, &mut out) {
            Ok(Some(transmit)) => {
                assert!(connected && legal);
                let (to, datagram) = (transmit.to, transmit.datagram.to_vec());
                let packet = self.sent_packet(to, &datagram);
                assert_eq!((packet.kind, packet.body), (PAYLOAD, payload));
            }
            Ok(None) => assert!(!connected && legal),
            Err(_) => assert!(!legal),
        }
        Ok(())
    }

    /// The client sent a sealed datagram: to its server, under its key, with a new sequence.
    fn sent_packet(&mut self, to: SocketAddr, datagram: &[u8]) -> Packet {
        let ticket = &self.tickets[self.ticket.expect("there was an attempt")];
        assert!(ticket.servers.contains(&to));
        let packet = ticket.open_from_client(datagram).expect("sealed for it");
        assert!(packet.is_well_formed());
        let new = self.sealed.insert(packet.sequence);
        assert!(new, "sequence {} sealed twice", packet.sequence);
        packet
    }

    /// Takes everything that the client owes: datagrams, then events.
    fn drain(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.polled(event);
        }
        let mut out = [0; MAX_DATAGRAM_BYTES];
        while let Some(transmit) = self.client.poll_transmit(self.now, &mut out) {
            let (to, datagram) = (transmit.to, transmit.datagram.to_vec());
            while let Some(event) = self.client.poll_event() {
                self.polled(event);
            }
            let ticket = &self.tickets[self.ticket.expect("there was an attempt")];
            if datagram.first() == Some(&0) {
                assert_eq!(self.state, ClientState::SendingConnectionRequest);
                assert_eq!(datagram, ticket.request());
                assert_eq!(self.client.server_address(), Some(to));
                continue;
            }
            let expected = match self.state {
                ClientState::SendingConnectionResponse => RESPONSE,
                ClientState::Connected => KEEP_ALIVE,
                _ => DISCONNECT,
            };
            assert_eq!(self.sent_packet(to, &datagram).kind, expected);
        }
        while let Some(event) = self.client.poll_event() {
            self.polled(event);
        }
    }

    fn polled(&mut self, event: Event) {
        match event {
            // Reported also for a token that is no token, which changes nothing here.
            Event::StateChanged(ClientState::InvalidConnectToken) => {}
            Event::StateChanged(state) => self.entered(state, None),
            other => panic!("an event without a datagram: {other:?}"),
        }
    }

    /// Compares the client's own account with its events.
    fn check(&self) {
        assert_eq!(self.client.state(), self.state);
        let connected = self.state == ClientState::Connected;
        assert_eq!(self.client.client_index().is_some(), connected);
        assert_eq!(
            self.client.server_address().is_some(),
            self.state.is_active()
        );
        if let Some(deadline) = self.client.next_deadline() {
            assert!(
                deadline > self.now,
                "a deadline that is over: it would spin"
            );
        }
    }
}
