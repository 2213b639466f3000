//! The differences between servers that are known and explained.

use std::collections::BTreeSet;

use super::peers::Peer;

/// Something unusual that an input did, on which servers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// A request of a ticket that has opened a session.
    TokenAgain,
    /// Requests with different tickets from one address.
    TwoTokensAtAddress,
    /// A response with the challenge of another ticket, or of an earlier handshake.
    ForeignChallenge,
    /// A response later than the ticket's timeout after its last request.
    AfterTimeout,
    /// A response ten seconds or more after the ticket's last request.
    LateResponse,
    /// A slot whose client has not sent anything for ten seconds.
    SilentSlot,
    /// An authentic packet, or a request, whose length is not its type's.
    WrongLength,
    /// An authentic packet without sequence bytes.
    NoSequenceBytes,
    /// An authentic packet, from an address that is not connected, whose type only clients with a
    /// session send.
    EarlyPacket,
    /// A request from an address that is connected.
    RequestWhileConnected,
    /// An authentic packet of a type that no server accepts, or a response in a session.
    WrongType,
    /// A request or a response that did not lead on: the server was full, or the id connected.
    Refused,
    /// A session ended by its timeout.
    TimedOut,
}

/// One difference: the peer, what brings it about, and where it is explained.
struct Difference {
    peer: Peer,
    after: Oddity,
    /// Section of the standard, or row of the table in SECURITY.md.
    #[allow(dead_code, reason = "for the reader")]
    because: &'static str,
}

const fn differs(peer: Peer, after: Oddity, because: &'static str) -> Difference {
    Difference {
        peer,
        after,
        because,
    }
}

/// Every known difference from our server. Keep-alives are never compared: the peers' intervals
/// differ, and ours has its own first sequences.
const DIFFERENCES: &[Difference] = &[
    differs(
        Peer::Official,
        Oddity::TokenAgain,
        "SECURITY.md: a consumed token admits no client, also from its own address",
    ),
    differs(
        Peer::Official,
        Oddity::TwoTokensAtAddress,
        "SECURITY.md: handshakes are found by address and token; theirs by address, and the last \
         token's keys replace the others",
    ),
    differs(
        Peer::Official,
        Oddity::ForeignChallenge,
        "SECURITY.md: a challenge token's padding names the connect token and the handshake",
    ),
    differs(
        Peer::Official,
        Oddity::AfterTimeout,
        "SECURITY.md: a handshake ends 10 s after its last request, whatever the token's timeout; \
         theirs ends with the timeout, and at once if that is zero",
    ),
    differs(
        Peer::Official,
        Oddity::LateResponse,
        "SECURITY.md: a handshake ends 10 s after its last request",
    ),
    differs(
        Peer::Official,
        Oddity::SilentSlot,
        "SECURITY.md: an unconfirmed slot ends after the same time",
    ),
    differs(
        Peer::Official,
        Oddity::WrongLength,
        "SECURITY.md: the length of a body is checked before it is opened, so such a packet moves \
         no replay window",
    ),
    differs(
        Peer::Renet,
        Oddity::TokenAgain,
        "SECURITY.md: a consumed token admits no client, also from its own address",
    ),
    differs(
        Peer::Renet,
        Oddity::TwoTokensAtAddress,
        "SECURITY.md: handshakes are found by address and token; theirs by address, and the first \
         token's keys stay",
    ),
    differs(
        Peer::Renet,
        Oddity::ForeignChallenge,
        "SECURITY.md: a challenge token's padding names the connect token and the handshake",
    ),
    differs(
        Peer::Renet,
        Oddity::LateResponse,
        "SECURITY.md: a handshake ends 10 s after its last request; theirs when the token expires",
    ),
    differs(
        Peer::Renet,
        Oddity::SilentSlot,
        "SECURITY.md: an unconfirmed slot ends after the same time",
    ),
    differs(
        Peer::Renet,
        Oddity::WrongLength,
        "Standard, Reading Encrypted Packets, Connection Request Packet: they check no lengths",
    ),
    differs(
        Peer::Renet,
        Oddity::NoSequenceBytes,
        "Standard, Encrypted Packets: one to eight sequence bytes; they write and read sequence \
         zero as none",
    ),
    differs(
        Peer::Renet,
        Oddity::EarlyPacket,
        "Standard, Replay Protection: per session; their window begins with the handshake",
    ),
    differs(
        Peer::Renet,
        Oddity::RequestWhileConnected,
        "Standard, Connection Request Packet: ignored; with them it is a sign of life",
    ),
    differs(
        Peer::Renet,
        Oddity::WrongType,
        "Standard, Reading Encrypted Packets: dropped by type; with them it is a sign of life",
    ),
    differs(
        Peer::Renet,
        Oddity::Refused,
        "Standard, Processing Connection Response Packets: the packet is ignored; they also end \
         the handshake",
    ),
    differs(
        Peer::Renet,
        Oddity::TimedOut,
        "SECURITY.md: silence of exactly the timeout ends a session; with them a longer one",
    ),
];

/// Oddities of an input so far.
#[derive(Default)]
pub struct Oddities(BTreeSet<Oddity>);

impl Oddities {
    pub fn note(&mut self, oddity: Oddity) {
        self.0.insert(oddity);
    }

    /// `true` if a difference from this peer is explained by now.
    pub fn explain(&self, peer: Peer) -> bool {
        let mut known = DIFFERENCES.iter().filter(|it| it.peer == peer);
        known.any(|it| self.0.contains(&it.after))
    }
}
