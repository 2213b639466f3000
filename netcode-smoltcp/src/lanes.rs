//! Lanes: which of several sockets carries datagrams to which peer.
//!
//! A UDP socket of smoltcp sends in order. A datagram whose neighbour is unknown, or to which there
//! is no route, stays at the head of the queue, and the socket pauses for a second before it tries
//! again. Everything behind waits with it: so a socket holds datagrams to one peer at a time here,
//! and a peer that cannot be reached stops its own datagrams alone.
//!
//! What waits too long is thrown away, just before smoltcp would try again, and the host is left
//! alone for a while. smoltcp asks for one neighbour a second, whoever it is: without that pause
//! hosts that are gone would keep it from ever asking for one that is not.

use core::ops::Range;

use netcode_core::Instant;

use crate::error::Refused;

/// How long a datagram may wait for its neighbour, microseconds: a little less than the second
/// after which smoltcp tries again.
const PATIENCE: u32 = 900_000;

/// How long a lane that was cleared is left alone if others are free: until smoltcp's own pause is
/// over, which clearing does not end.
const REST: u32 = 200_000;

/// For how long a host is left alone after a first failure; twice as long after each further one.
const PAUSE: u32 = 200_000;
const MAX_PAUSE: u32 = 4 * PAUSE;

/// The longest time between two looks that counts as waiting: who looks later than that has not let
/// the interface send in between.
const MAX_LOOK: u32 = 300_000;

/// A peer's address and port. Both versions of smoltcp have a type of their own for it, which is
/// much smaller than `SocketAddr` where there is no IPv6.
pub(crate) trait Endpoint: Copy + PartialEq {
    type Host: Copy + PartialEq;

    fn host(&self) -> Self::Host;
}

/// What the lanes ask of the sockets they stand for, by number.
pub(crate) trait Sockets {
    /// Whether nothing waits to be sent.
    fn is_drained(&mut self, lane: usize) -> bool;

    /// Throws away what waits in it, in both directions.
    fn clear(&mut self, lane: usize);
}

/// Datagrams, and the bytes of all of them.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) datagrams: usize,
    pub(crate) bytes: usize,
}

impl Load {
    const NONE: Self = Self {
        datagrams: 0,
        bytes: 0,
    };

    fn add(&mut self, len: usize) {
        self.datagrams = self.datagrams.saturating_add(1);
        self.bytes = self.bytes.saturating_add(len);
    }

    const fn exceeds(&self, capacity: &Self) -> bool {
        self.datagrams > capacity.datagrams || self.bytes > capacity.bytes
    }
}

/// Which of a server's datagrams one is. A client has no replies, and one lane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// An answer to somebody who asks to be let in. They have the first lane to themselves: where
    /// they say that they are may be a lie.
    Reply,
    /// To a client. There is a lane for each.
    Session,
}

impl Traffic {
    /// The lanes for it, of `count`.
    const fn lanes(self, count: usize) -> Range<usize> {
        match self {
            Self::Session if count > 1 => 1..count,
            Self::Session | Self::Reply => 0..1,
        }
    }

    /// For how long a host that could not be reached is left alone unless it is heard of,
    /// microseconds. Nobody is heard of before a session, who lives in one speaks ten times a
    /// second, and a client speaks first.
    const fn silence(self, count: usize) -> u32 {
        match self {
            Self::Session if count > 1 => 16_000_000,
            Self::Session => 0,
            Self::Reply => 2_000_000,
        }
    }
}

#[derive(Clone, Copy)]
enum Lane<E> {
    Free,
    /// It was cleared so recently that its socket may still pause, for this many microseconds.
    Resting(u32),
    Busy(Busy<E>),
}

impl<E: Endpoint> Lane<E> {
    /// Whose datagrams wait.
    fn peer(&self) -> Option<E> {
        match self {
            Self::Busy(busy) => Some(busy.peer),
            Self::Free | Self::Resting(_) => None,
        }
    }
}

/// Datagrams wait in a socket.
#[derive(Clone, Copy)]
struct Busy<E> {
    peer: E,
    /// How much longer it may take until one leaves, counted from the last look, microseconds.
    left: u32,
    /// What was handed over since then.
    load: Load,
    traffic: Traffic,
}

/// A host that could not be reached. It is forgotten when a datagram to it leaves.
#[derive(Clone, Copy)]
struct Unreachable<H> {
    host: H,
    /// What is left of the time for which it is left alone, microseconds.
    pause: u32,
    /// The same time after the next failure.
    next_pause: u32,
    /// The same for a host that is not heard of.
    silence: u32,
}

impl<H> Unreachable<H> {
    fn left(&self) -> u32 {
        self.pause.max(self.silence)
    }
}

pub(crate) struct Lanes<E: Endpoint, const N: usize> {
    lanes: [Lane<E>; N],
    unreachable: [Option<Unreachable<E::Host>>; N],
    /// When time passed last, microseconds.
    looked: u64,
}

impl<E: Endpoint, const N: usize> Lanes<E, N> {
    pub(crate) const fn new() -> Self {
        Self {
            lanes: [Lane::Free; N],
            unreachable: [None; N],
            looked: 0,
        }
    }

    /// The lane for a datagram to `peer`.
    pub(crate) fn choose(
        &mut self,
        peer: E,
        traffic: Traffic,
        sockets: &mut impl Sockets,
    ) -> Result<usize, Refused> {
        if self.known(peer.host()).is_some_and(|host| host.left() > 0) {
            return Err(Refused::Unreachable);
        }
        if let Some(at) = self.position(traffic, |lane| lane.peer() == Some(peer)) {
            self.settle(at, sockets);
            return Ok(at);
        }
        if let Some(at) = self.position(traffic, |lane| matches!(lane, Lane::Free)) {
            return Ok(at);
        }
        for at in traffic.lanes(N) {
            self.settle(at, sockets);
        }
        self.position(traffic, |lane| matches!(lane, Lane::Free))
            .or_else(|| self.position(traffic, |lane| matches!(lane, Lane::Resting(_))))
            .ok_or(Refused::Full)
    }

    fn position(&self, traffic: Traffic, wanted: impl Fn(&Lane<E>) -> bool) -> Option<usize> {
        let mut lanes = traffic.lanes(N);
        lanes.find(|&at| self.lanes.get(at).is_some_and(&wanted))
    }

    /// Frees a lane from which everything has left.
    fn settle(&mut self, at: usize, sockets: &mut impl Sockets) {
        if let Some(lane) = self.lanes.get_mut(at)
            && let Some(peer) = lane.peer()
            && sockets.is_drained(at)
        {
            *lane = Lane::Free;
            self.forget(peer.host());
        }
    }

    /// A datagram of `len` bytes to `peer` was handed to the socket of the lane that was chosen;
    /// `capacity` is what fits its transmit buffer.
    pub(crate) fn fill(
        &mut self,
        now: Instant,
        (at, peer, traffic): (usize, E, Traffic),
        len: usize,
        capacity: Load,
    ) {
        let left = PATIENCE.saturating_add(self.step(now));
        let Some(lane) = self.lanes.get_mut(at) else {
            return;
        };
        let mut busy = match *lane {
            Lane::Busy(busy) => busy,
            Lane::Free | Lane::Resting(_) => Busy {
                peer,
                left,
                load: Load::NONE,
                traffic,
            },
        };
        busy.load.add(len);
        // More than there is room for: some have left, and the link is merely slow.
        if busy.load.exceeds(&capacity) {
            busy.left = left;
            busy.load = Load::NONE;
            busy.load.add(len);
        }
        *lane = Lane::Busy(busy);
    }

    /// How much of the time since the last look counts.
    fn step(&self, now: Instant) -> u32 {
        let step = now.as_micros().saturating_sub(self.looked);
        u32::try_from(step).unwrap_or(MAX_LOOK).min(MAX_LOOK)
    }

    /// Lets time pass: clears lanes whose datagrams have waited too long; gives how many. To be
    /// called when nothing waits to be received.
    pub(crate) fn pass_time(&mut self, now: Instant, sockets: &mut impl Sockets) -> u32 {
        let step = self.step(now);
        self.looked = now.as_micros();
        for host in self.unreachable.iter_mut().flatten() {
            host.pause = host.pause.saturating_sub(step);
            host.silence = host.silence.saturating_sub(step);
        }
        let mut cleared = 0_u32;
        for at in 0..N {
            self.settle(at, sockets);
            let Some(lane) = self.lanes.get_mut(at) else {
                continue;
            };
            match lane {
                Lane::Free => {}
                Lane::Resting(left) => match left.saturating_sub(step) {
                    0 => *lane = Lane::Free,
                    less => *left = less,
                },
                Lane::Busy(busy) => {
                    busy.left = busy.left.saturating_sub(step);
                    if busy.left == 0 {
                        let Busy { peer, traffic, .. } = *busy;
                        *lane = Lane::Resting(REST);
                        sockets.clear(at);
                        self.leave_alone(peer.host(), traffic.silence(N));
                        cleared = cleared.saturating_add(1);
                    }
                }
            }
        }
        cleared
    }

    /// When to let time pass again: when the first datagram will have waited too long.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waits = self.lanes.iter().filter_map(|lane| match lane {
            Lane::Busy(busy) => Some(busy.left),
            Lane::Free | Lane::Resting(_) => None,
        });
        let wait = waits.min()?.min(MAX_LOOK);
        Some(Instant::from_micros(
            self.looked.saturating_add(wait.into()),
        ))
    }

    /// Throws away what waits for anybody but `peer`.
    pub(crate) fn turn_to(&mut self, peer: E, sockets: &mut impl Sockets) {
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            if lane.peer().is_some_and(|other| other != peer) {
                *lane = Lane::Free;
                sockets.clear(at);
            }
        }
    }

    /// A host has shown that it is there: nobody else could have sealed what came from it.
    pub(crate) fn heard(&mut self, host: E::Host) {
        let known = self.unreachable.iter_mut().flatten();
        for known in known.filter(|known| known.host == host) {
            known.silence = 0;
        }
    }

    fn known(&self, host: E::Host) -> Option<&Unreachable<E::Host>> {
        let mut known = self.unreachable.iter().flatten();
        known.find(|known| known.host == host)
    }

    fn forget(&mut self, host: E::Host) {
        for known in &mut self.unreachable {
            if known.is_some_and(|known| known.host == host) {
                *known = None;
            }
        }
    }

    /// Leaves a host alone. Of as many as there are lanes, the one that would soonest be tried
    /// again is forgotten.
    fn leave_alone(&mut self, host: E::Host, silence: u32) {
        let next_pause = self.known(host).map_or(PAUSE, |known| known.next_pause);
        self.forget(host);
        let entry = Unreachable {
            host,
            pause: next_pause,
            next_pause: next_pause.saturating_mul(2).min(MAX_PAUSE),
            silence,
        };
        let left = |known: &Option<Unreachable<E::Host>>| known.map_or(0, |known| known.left());
        let soonest = self.unreachable.iter_mut().min_by_key(|known| left(known));
        if let Some(place) = soonest {
            *place = Some(entry);
        }
    }
}

#[cfg(test)]
mod tests;
