//! Tables of the server's model, and its limits on what a sender without a session may hold.

use std::net::{IpAddr, SocketAddr};

use super::Received;

/// Configuration of a server, as the model needs it.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) protocol_id: u64,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) max_clients: usize,
    pub(crate) half_open: usize,
    pub(crate) tokens: usize,
    /// Longest time of a handshake after its last request, microseconds.
    pub(crate) handshake: u64,
    /// Longest lifetime of a token, where older tokens are refused after a start.
    pub(crate) refuse_older: Option<u64>,
    /// A newer token of a connected id replaces its session.
    pub(crate) replace: bool,
    /// Hosts have a limit.
    pub(crate) host_limit: bool,
    /// Decryptions per second for senders without a session.
    pub(crate) opens_per_second: Option<u64>,
}

/// Private keys of a server: the current one, and the previous one with the date from which it opens
/// nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) current: [u8; 32],
    pub(crate) previous: Option<([u8; 32], u64)>,
}

impl Keys {
    pub(crate) fn rotate(&mut self, key: [u8; 32], valid_until: u64) {
        self.previous = Some((self.current, valid_until));
        self.current = key;
    }

    /// Keys that are tried on a token, in order.
    pub(crate) fn tried(&self, today: u64) -> Vec<[u8; 32]> {
        let previous = self.previous.filter(|(_, until)| *until > today);
        let previous = previous.map(|(key, _)| key);
        std::iter::once(self.current).chain(previous).collect()
    }
}

/// Host of an address: an IPv4 address, or the /64 of an IPv6 address.
pub(crate) fn host(address: SocketAddr) -> (bool, u64) {
    match address.ip() {
        IpAddr::V4(ip) => (false, u64::from(u32::from(ip))),
        IpAddr::V6(ip) => (true, u64::try_from(u128::from(ip) >> 64).unwrap_or(0)),
    }
}

/// Half-open connection: a token presented from an address and not yet answered for.
#[derive(Clone, Debug)]
pub(crate) struct HalfOpen {
    pub(crate) ticket: usize,
    pub(crate) from: SocketAddr,
    pub(crate) until: u64,
    /// Seals of the challenges sent for it.
    pub(crate) challenges: Vec<usize>,
}

/// Token in the history.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(crate) ticket: usize,
    pub(crate) from: SocketAddr,
    pub(crate) consumed: bool,
    pub(crate) expires: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connected,
    /// Disconnect packets and the event are pending.
    Leaving,
    /// The event is pending.
    Left,
}

/// Client slot.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) ticket: usize,
    pub(crate) client_id: u64,
    pub(crate) from: SocketAddr,
    pub(crate) to_server: [u8; 32],
    pub(crate) timeout: Option<u64>,
    pub(crate) expires: u64,
    pub(crate) phase: Phase,
    pub(crate) confirmed: bool,
    /// Sequence of the next packet; `None` until the first shows it.
    pub(crate) sequence: Option<u64>,
    pub(crate) received: Received,
    pub(crate) keep_alive: u64,
    pub(crate) heard: u64,
    /// Counters of the session: packets and payloads, in and out.
    pub(crate) counts: [u64; 4],
}

impl Slot {
    pub(crate) fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// Time at which its session ends for silence.
    pub(crate) fn ends(&self, handshake: u64) -> Option<u64> {
        let unconfirmed = (!self.confirmed).then_some(handshake);
        self.timeout.or(unconfirmed).map(|limit| self.heard + limit)
    }
}

/// Budget of decryptions for senders without a session: a bucket of one second's worth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    /// Below zero is a debt.
    level: i64,
    filled: u64,
}

/// Answer of the budget to a decryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purse {
    Served,
    /// The budget is short: it depends on whose turn it is.
    Short,
    Empty,
}

impl Budget {
    pub(crate) fn fill_up(&mut self, now: u64, rate: u64) {
        *self = Self {
            level: signed(rate * 1_000_000),
            filled: now,
        };
    }

    pub(crate) fn look(&mut self, now: u64, rate: Option<u64>) -> Purse {
        let Some(rate) = rate else {
            return Purse::Served;
        };
        let full = signed(rate * 1_000_000);
        self.level = (self.level + signed((now - self.filled) * rate)).min(full);
        self.filled = now;
        match self.level {
            level if level < 1_000_000 => Purse::Empty,
            // A request leaves an eighth to responses.
            level if level < (full / 2).max(full / 8 + 1_000_000) => Purse::Short,
            _ => Purse::Served,
        }
    }

    pub(crate) fn spend(&mut self) {
        self.level -= 1_000_000;
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
