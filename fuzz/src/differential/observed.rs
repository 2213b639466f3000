//! Observations of servers, and oddities of datagrams.

use std::collections::BTreeSet;

use super::oddity::Oddity;
use super::peers::Reaction;
use crate::forge::{CHALLENGE, DISCONNECT, KEEP_ALIVE, PAYLOAD, Packet};
use crate::ticket::Ticket;

/// Observation of a server after a step.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub connected: BTreeSet<u64>,
    pub payloads: Vec<(u64, Vec<u8>)>,
    /// Receivers and types of the answers, without keep-alives.
    pub answers: BTreeSet<(usize, u8)>,
}

/// Opens what a server sent, and keeps its challenges.
pub fn see(
    tickets: &[Ticket],
    reaction: Reaction,
    connected: BTreeSet<u64>,
    challenges: &mut [Vec<u8>],
) -> Seen {
    let mut answers = BTreeSet::new();
    for (to, datagram) in reaction.sent {
        let opened = tickets.iter().enumerate().find_map(|(number, ticket)| {
            let packet = ticket.open_from_server(&datagram)?;
            Some((number, packet))
        });
        let (number, packet) = opened.expect("its receiver can open it");
        if packet.kind == CHALLENGE {
            challenges[number] = packet.body;
        }
        if packet.kind != KEEP_ALIVE {
            answers.insert((to, packet.kind));
        }
    }
    Seen {
        connected,
        payloads: reaction.payloads,
        answers,
    }
}

/// Oddity of an authentic datagram.
#[derive(Clone, Default)]
pub struct Flaws {
    /// Type, ticket, and the oddities; `None` if it is not authentic.
    pub authentic: Option<(u8, usize)>,
    pub odd: Vec<Oddity>,
}

/// Oddity of an authentic packet.
pub fn flaws_of(packet: &Packet, number: usize) -> Flaws {
    let mut odd = Vec::new();
    if packet.sequence_bytes == Some(0) {
        odd.push(Oddity::NoSequenceBytes);
    }
    match packet.kind {
        KEEP_ALIVE | PAYLOAD | DISCONNECT => {
            let mut standard = packet.clone();
            standard.sequence_bytes = None;
            if !standard.is_well_formed() {
                odd.push(Oddity::WrongLength);
            }
        }
        _ => odd.push(Oddity::WrongType),
    }
    Flaws {
        authentic: Some((packet.kind.max(1), number)),
        odd,
    }
}
