//! Record of what a server reported and sent, and the rules that both must keep.

use std::collections::HashSet;
use std::net::SocketAddr;

use netcode_core::ClientIndex;
use netcode_core::server::{DisconnectReason, Event};

use crate::forge::{DISCONNECT, KEEP_ALIVE, PAYLOAD, Packet};
use crate::ticket::Ticket;

/// Origin of a datagram: its source, the ticket it is sealed under, and the packet in it if nothing
/// was changed after sealing.
#[derive(Clone, Copy)]
pub struct Origin<'p> {
    pub from: SocketAddr,
    pub ticket: Option<usize>,
    pub packet: Option<&'p Packet>,
}

struct Session {
    ticket: usize,
    client_id: u64,
    address: SocketAddr,
    received: HashSet<u64>,
    newest: u64,
}

impl Session {
    /// `true` if the replay window still has to admit this sequence. (*Replay Protection*.)
    fn admits(&self, sequence: u64) -> bool {
        let too_old = self.newest >= 256 && sequence <= self.newest - 256;
        !too_old && !self.received.contains(&sequence)
    }

    fn receive(&mut self, sequence: u64) {
        assert!(self.admits(sequence), "sequence {sequence} accepted twice");
        self.received.insert(sequence);
        self.newest = self.newest.max(sequence);
    }
}

/// Sessions as the server reported them.
pub struct Witness {
    sessions: Vec<Option<Session>>,
    /// Tickets that opened a session.
    used: HashSet<usize>,
    /// Keys and sequences that the server has sealed with.
    sealed: HashSet<([u8; 32], u64)>,
    /// Address and ticket of every session so far.
    known: Vec<(SocketAddr, usize)>,
}

impl Witness {
    pub fn new(slots: usize) -> Self {
        Self {
            sessions: (0..slots).map(|_| None).collect(),
            used: HashSet::new(),
            sealed: HashSet::new(),
            known: Vec::new(),
        }
    }

    pub fn connected(&self) -> usize {
        self.sessions.iter().flatten().count()
    }

    pub fn is_connected(&self, client: ClientIndex) -> bool {
        self.session(client).is_some()
    }

    fn session(&self, client: ClientIndex) -> Option<&Session> {
        self.sessions.get(client.index())?.as_ref()
    }

    fn session_of(&mut self, origin: &Origin<'_>) -> Option<&mut Session> {
        let mut sessions = self.sessions.iter_mut().flatten();
        sessions.find(|it| it.address == origin.from && Some(it.ticket) == origin.ticket)
    }

    /// Payload that the server has to report for this datagram.
    pub fn due_payload<'p>(&mut self, origin: &Origin<'p>) -> Option<&'p [u8]> {
        let packet = origin.packet?;
        let session = self.session_of(origin)?;
        let due = packet.kind == PAYLOAD
            && packet.is_well_formed()
            && session.admits(packet.sequence_read());
        due.then_some(&packet.body)
    }

    /// The server accepted a datagram without an event.
    pub fn handled(&mut self, origin: &Origin<'_>) {
        let Some(packet) = origin.packet.filter(|packet| packet.kind == KEEP_ALIVE) else {
            return;
        };
        if let Some(session) = self.session_of(origin) {
            session.receive(packet.sequence_read());
        }
    }

    /// The server reported an event. `origin` is the datagram that caused it, if one did.
    pub fn event(
        &mut self,
        event: Event<Vec<u8>>,
        tickets: &[Ticket],
        origin: Option<&Origin<'_>>,
    ) {
        match event {
            Event::Connected { client, client_id } => {
                let origin = origin.expect("a session opened without a datagram");
                let number = origin.ticket.expect("a session opened without a ticket");
                assert_eq!(tickets[number].client_id, client_id.0);
                assert!(self.used.insert(number), "a ticket opened two sessions");
                let others = self.sessions.iter().flatten();
                for other in others {
                    assert_ne!(other.client_id, client_id.0, "two sessions of one id");
                    assert_ne!(other.address, origin.from, "two sessions of one address");
                }
                let slot = &mut self.sessions[client.index()];
                assert!(slot.is_none(), "a slot with a session was given away");
                *slot = Some(Session {
                    ticket: number,
                    client_id: client_id.0,
                    address: origin.from,
                    received: HashSet::new(),
                    newest: 0,
                });
                self.known.push((origin.from, number));
            }
            Event::Payload {
                client,
                sequence,
                payload,
            } => {
                let origin = origin.expect("a payload without a datagram");
                let packet = origin.packet.expect("a payload of a changed datagram");
                let session = self.sessions[client.index()].as_mut();
                let session = session.expect("a payload of a client that is not connected");
                assert_eq!(session.address, origin.from);
                assert_eq!(Some(session.ticket), origin.ticket);
                assert_eq!((packet.kind, &packet.body), (PAYLOAD, &payload));
                assert_eq!(packet.sequence_read(), sequence.0);
                session.receive(sequence.0);
            }
            Event::Disconnected {
                client,
                client_id,
                reason,
            } => {
                let session = self.sessions[client.index()].take();
                let session = session.expect("the end of a session that never began");
                assert_eq!(session.client_id, client_id.0);
                if reason == DisconnectReason::ByClient {
                    let origin = origin.expect("a client left without a datagram");
                    assert_eq!(session.address, origin.from);
                    assert_eq!(Some(session.ticket), origin.ticket);
                    let kind = origin.packet.map(|packet| packet.kind);
                    assert_eq!(kind, Some(DISCONNECT));
                }
            }
            other => panic!("an event that the fuzzer does not know: {other:?}"),
        }
    }

    /// The server sent a datagram. Returns the packet and the number of its ticket.
    pub fn sent(
        &mut self,
        to: SocketAddr,
        datagram: &[u8],
        tickets: &[Ticket],
        answered: Option<usize>,
    ) -> (Packet, usize) {
        let known = self.known.iter().rev();
        let of_address = known.filter(|(address, _)| *address == to);
        let mut candidates = answered.into_iter().chain(of_address.map(|(_, it)| *it));
        let opened = candidates.find_map(|number| {
            let packet = tickets[number].open_from_server(datagram)?;
            Some((packet, number))
        });
        let (packet, number) = opened.expect("a datagram that its receiver cannot open");
        assert!(packet.is_well_formed());
        let key = tickets[number].server_to_client;
        let new = self.sealed.insert((key, packet.sequence));
        assert!(new, "sequence {} sealed twice", packet.sequence);
        (packet, number)
    }
}
