//! Result that a datagram must have, and the limits met on the way to it.

use std::net::SocketAddr;

use netcode_core::Dropped;

/// Result that a datagram must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Dropped(Dropped),
    Challenge {
        ticket: usize,
    },
    Denied {
        ticket: usize,
    },
    /// A slot for the client of this half-open connection.
    Connected {
        half_open: usize,
    },
    /// The slot's session is replaced by that of a half-open connection.
    Replaced {
        slot: usize,
        half_open: usize,
    },
    KeepAlive {
        slot: usize,
    },
    Payload {
        slot: usize,
        sequence: u64,
        body: Vec<u8>,
    },
    Disconnected {
        slot: usize,
    },
}

/// Fate of a datagram, with the reasons for which a limit may drop it instead: limits that count in
/// sketches, or take turns, are not determined by the rules alone.
#[derive(Clone, Debug)]
pub(crate) struct Prediction {
    pub(crate) fate: Fate,
    pub(crate) or_dropped: Vec<Dropped>,
    pub(super) limits: Limits,
}

impl From<Dropped> for Fate {
    fn from(reason: Dropped) -> Self {
        Self::Dropped(reason)
    }
}

/// Limits met on the way to a result.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) or_dropped: Vec<Dropped>,
    /// Decryptions taken from the budget before this result.
    pub(super) spends: usize,
    /// Token that enters the history before this result, its sender and its expiry.
    pub(super) enters: Option<(usize, SocketAddr, u64)>,
}
