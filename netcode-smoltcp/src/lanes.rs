//! Lanes: the assignment of several sockets to peers.
//!
//! A smoltcp UDP socket sends in order. A datagram whose neighbour is unknown, or to which there is
//! no route, stays at the head of the queue, and the socket pauses for a second before it tries
//! again. Everything behind it is delayed too, so here a socket holds datagrams for one peer at a
//! time, and a peer that cannot be reached delays its own datagrams alone.
//!
//! Datagrams queued for too long are dropped, just before smoltcp would try again, and nothing is
//! sent to the host for a while. smoltcp requests one neighbour a second in total: without that
//! pause, absent hosts would keep it from requesting present ones.

use core::ops::Range;

use netcode_core::Instant;

use crate::error::TransmitError;

/// Time that a datagram may be queued for its neighbour, microseconds: a little less than the
/// second after which smoltcp tries again.
const PATIENCE: u32 = 900_000;

/// Time for which a cleared lane is not used if others are free: until smoltcp's own pause is over,
/// which clearing does not end.
const REST: u32 = 200_000;

/// Pause for a host after a first failure, microseconds; doubled after each further one.
const PAUSE: u32 = 200_000;
const MAX_PAUSE: u32 = 4 * PAUSE;

/// Longest interval between two calls that counts as waiting: a later call means that the interface
/// was not polled in between.
const MAX_LOOK: u32 = 300_000;

/// Peer's address and port. Both versions of smoltcp have their own type for it, which is much
/// smaller than `SocketAddr` where there is no IPv6.
pub(crate) trait Endpoint: Copy + PartialEq {
    type Host: Copy + PartialEq;

    fn host(&self) -> Self::Host;
}

/// Operations of the sockets behind the lanes, by number.
pub(crate) trait Sockets {
    /// `true` if nothing is queued to be sent.
    fn is_drained(&mut self, lane: usize) -> bool;

    /// Drops everything queued, in both directions.
    fn clear(&mut self, lane: usize);
}

/// Number of datagrams, and their bytes together.
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

/// Kind of a server's datagram. A client has no replies, and one lane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reply to a handshake. Replies have the first lane to themselves: their addresses may be
    /// forged.
    Reply,
    /// Datagram to a client. There is a lane for each client.
    Session,
}

impl Purpose {
    /// Lanes for this kind, of `count`.
    const fn lanes(self, count: usize) -> Range<usize> {
        match self {
            Self::Session if count > 1 => 1..count,
            Self::Session | Self::Reply => 0..1,
        }
    }

    /// Pause for an unreachable, silent host, microseconds. No packet comes before a session, the
    /// peer of a session sends ten times a second, and a client sends first.
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
    /// Cleared so recently that its socket may still pause, for this many microseconds.
    Resting(u32),
    Busy(Busy<E>),
}

impl<E: Endpoint> Lane<E> {
    /// Peer of the queued datagrams.
    fn peer(&self) -> Option<E> {
        match self {
            Self::Busy(busy) => Some(busy.peer),
            Self::Free | Self::Resting(_) => None,
        }
    }
}

/// Datagrams are queued in a socket.
#[derive(Clone, Copy)]
struct Busy<E> {
    peer: E,
    /// Time left until one has to leave, counted from the last call, microseconds.
    left: u32,
    /// Datagrams queued since then.
    load: Load,
    purpose: Purpose,
}

/// Host that could not be reached. It is forgotten when a datagram to it leaves.
#[derive(Clone, Copy)]
struct Unreachable<H> {
    host: H,
    /// Rest of its pause, microseconds.
    pause: u32,
    /// Pause after the next failure.
    next_pause: u32,
    /// Rest of the pause while the host is silent.
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
    /// Time of the last call, microseconds.
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

    /// Lane for a datagram to `peer`.
    pub(crate) fn choose(
        &mut self,
        peer: E,
        purpose: Purpose,
        sockets: &mut impl Sockets,
    ) -> Result<usize, TransmitError> {
        if self.known(peer.host()).is_some_and(|host| host.left() > 0) {
            return Err(TransmitError::Unreachable);
        }
        if let Some(at) = self.position(purpose, |lane| lane.peer() == Some(peer)) {
            self.settle(at, sockets);
            return Ok(at);
        }
        if let Some(at) = self.position(purpose, |lane| matches!(lane, Lane::Free)) {
            return Ok(at);
        }
        for at in purpose.lanes(N) {
            self.settle(at, sockets);
        }
        self.position(purpose, |lane| matches!(lane, Lane::Free))
            .or_else(|| self.position(purpose, |lane| matches!(lane, Lane::Resting(_))))
            .ok_or(TransmitError::Full)
    }

    fn position(&self, purpose: Purpose, wanted: impl Fn(&Lane<E>) -> bool) -> Option<usize> {
        let mut lanes = purpose.lanes(N);
        lanes.find(|&at| self.lanes.get(at).is_some_and(&wanted))
    }

    /// Frees a lane whose datagrams have all left.
    fn settle(&mut self, at: usize, sockets: &mut impl Sockets) {
        if let Some(lane) = self.lanes.get_mut(at)
            && let Some(peer) = lane.peer()
            && sockets.is_drained(at)
        {
            *lane = Lane::Free;
            self.forget(peer.host());
        }
    }

    /// Records that a datagram of `len` bytes to `peer` was queued in the socket of the chosen
    /// lane; `capacity` is that of its transmit buffer.
    pub(crate) fn fill(
        &mut self,
        now: Instant,
        (at, peer, purpose): (usize, E, Purpose),
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
                purpose,
            },
        };
        busy.load.add(len);
        // More than there is room for: some have left, and the link is only slow.
        if busy.load.exceeds(&capacity) {
            busy.left = left;
            busy.load = Load::NONE;
            busy.load.add(len);
        }
        *lane = Lane::Busy(busy);
    }

    /// Time since the last call, as far as it counts.
    fn step(&self, now: Instant) -> u32 {
        let step = now.as_micros().saturating_sub(self.looked);
        u32::try_from(step).unwrap_or(MAX_LOOK).min(MAX_LOOK)
    }

    /// Advances time: clears lanes whose datagrams are queued for too long; returns their number.
    /// Call it when no received datagram is pending.
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
                        let Busy { peer, purpose, .. } = *busy;
                        *lane = Lane::Resting(REST);
                        sockets.clear(at);
                        self.leave_alone(peer.host(), purpose.silence(N));
                        cleared = cleared.saturating_add(1);
                    }
                }
            }
        }
        cleared
    }

    /// Time of the next [`pass_time`](Self::pass_time): when the first datagram is queued for too
    /// long.
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

    /// Drops queued datagrams for any peer but `peer`.
    pub(crate) fn retain_peer(&mut self, peer: E, sockets: &mut impl Sockets) {
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            if lane.peer().is_some_and(|other| other != peer) {
                *lane = Lane::Free;
                sockets.clear(at);
            }
        }
    }

    /// Records that a host is reachable: its packet was authenticated.
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

    /// Pauses a host. There are as many entries as lanes; the one that would be tried again soonest
    /// is replaced.
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
