//! Model of both roles: the standard's rules and SECURITY's deviations, and no code of the core.
//!
//! A role's model is called with everything the role is called with. Before each datagram it
//! predicts the result from the datagram's provenance, which the ledger and the backend know:
//! sealed by whom, with which key and sequence, changed on the way or not. It decrypts nothing.

pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod server;
pub(crate) mod tables;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use netcode_core::Dropped;

use crate::wire;

/// Datagram that a role must send.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) to: SocketAddr,
    pub(crate) kind: u8,
    /// `None` if any sequence will do.
    pub(crate) sequence: Option<u64>,
}

/// Sequences received, with a full memory. (*Replay Protection*.)
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    newest: u64,
    all: BTreeSet<u64>,
}

impl Received {
    pub(crate) fn is_replay(&self, sequence: u64) -> bool {
        let too_old = self.newest >= 256 && sequence <= self.newest - 256;
        too_old || self.all.contains(&sequence)
    }

    pub(crate) fn mark(&mut self, sequence: u64) {
        self.newest = self.newest.max(sequence);
        self.all.insert(sequence);
    }
}

/// Checks of an encrypted packet that need no key, in the standard's order; SECURITY adds the
/// length of the body.
pub(crate) fn check_clear(datagram: &[u8], accepted: &[u8]) -> Result<wire::Clear, Dropped> {
    if datagram.len() < 18 {
        return Err(Dropped::TooShort);
    }
    if !accepted.contains(&(datagram[0] & 15)) {
        return Err(Dropped::Type);
    }
    let bytes = usize::from(datagram[0] >> 4);
    if bytes == 0 || bytes > 8 {
        return Err(Dropped::SequenceLength);
    }
    if datagram.len() < 1 + bytes + 16 {
        return Err(Dropped::TooShort);
    }
    let body = datagram.len() - 1 - bytes - 16;
    let fits = match datagram[0] & 15 {
        wire::DENIED | wire::DISCONNECT => body == 0,
        wire::CHALLENGE | wire::RESPONSE => body == 308,
        wire::KEEP_ALIVE => body == 8,
        _ => (1..=1200).contains(&body),
    };
    if !fits {
        return Err(Dropped::BodyLength);
    }
    wire::clear(datagram).ok_or(Dropped::SequenceLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ends_256_behind_the_newest() {
        let mut received = Received::default();
        received.mark(300);
        assert!(received.is_replay(300) && received.is_replay(44));
        assert!(!received.is_replay(45) && !received.is_replay(301));
    }
}
