//! Network simulator around a link: latency, jitter, loss, duplicates, reordering.
//!
//! It serves to try an application under bad network conditions, and tests: the treatment of the
//! n-th datagram of a direction depends on the seed alone, independently of the other direction.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::link::Link;

/// Maximum number of datagrams in flight; further ones are lost, as in a router with a full queue.
const MAX_UNDER_WAY: usize = 65_536;

/// Maximum delay of a datagram.
const LONGEST: Duration = Duration::from_secs(3600);

/// Network conditions, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Minimum delay of each datagram.
    pub latency: Duration,
    /// Maximum additional delay, uniformly distributed from zero. Reorders datagrams that are
    /// closer to each other than that.
    pub jitter: Duration,
    /// Share of datagrams that are lost, 0 to 1.
    pub loss: f64,
    /// Share of datagrams that arrive twice, 0 to 1.
    pub duplicates: f64,
    /// Seed of the random decisions. The same seed has the same effect on the same datagrams of a
    /// direction.
    pub seed: u64,
}

impl Default for Conditions {
    /// Perfect network.
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicates: 0.0,
            seed: 0,
        }
    }
}

/// Counters of a simulator, both directions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SimulatorStats {
    /// Datagrams received for simulation.
    pub entered: u64,
    /// Datagrams dropped.
    pub lost: u64,
    /// Datagrams delivered twice.
    pub duplicated: u64,
}

struct Flight {
    peer: SocketAddr,
    bytes: Vec<u8>,
}

/// One direction.
struct Way {
    /// Separate generator for each direction, so that their timing does not affect each other.
    rng: StdRng,
    /// Ordered by arrival, then by entry.
    flights: BTreeMap<(Instant, u64), Flight>,
    entries: u64,
}

impl Way {
    fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            flights: BTreeMap::new(),
            entries: 0,
        }
    }

    /// Accepts a datagram at `now`, with room for so many copies, and decides its treatment.
    fn enter(
        &mut self,
        conditions: &Conditions,
        now: Instant,
        room: usize,
        peer: SocketAddr,
        bytes: &[u8],
    ) -> SimulatorStats {
        // Every number is drawn for every datagram, so that later ones are treated the same.
        let lost = self.rng.random_bool(conditions.loss);
        let twice = self.rng.random_bool(conditions.duplicates);
        let delays = [self.delay(conditions), self.delay(conditions)];
        let copies = match (lost, twice) {
            (true, _) => 0,
            (false, true) => room.min(2),
            (false, false) => room.min(1),
        };
        for delay in delays.into_iter().take(copies) {
            self.entries += 1;
            let bytes = bytes.to_vec();
            self.flights
                .insert((now + delay, self.entries), Flight { peer, bytes });
        }
        SimulatorStats {
            entered: 1,
            lost: u64::from(copies == 0),
            duplicated: u64::from(copies == 2),
        }
    }

    fn delay(&mut self, conditions: &Conditions) -> Duration {
        conditions.latency + conditions.jitter.mul_f64(self.rng.random::<f64>())
    }

    /// Next datagram whose delay has passed.
    fn due(&mut self, now: Instant) -> Option<Flight> {
        let entry = self.flights.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    fn next_arrival(&self) -> Option<Instant> {
        self.flights.keys().next().map(|(at, _)| *at)
    }
}

/// Link with a simulated network in front of it, in both directions.
///
/// Dropping it loses datagrams in flight: to let disconnect packets arrive, take turns until
/// [`under_way`](Self::under_way) is zero.
pub struct Simulator<L> {
    link: L,
    conditions: Conditions,
    now: Instant,
    outbound: Way,
    inbound: Way,
    arrived: VecDeque<Flight>,
    stats: SimulatorStats,
}

impl<L: Link> Simulator<L> {
    /// Puts `conditions` in front of `link`. Shares outside 0 to 1 are clamped, delays are limited
    /// to an hour.
    pub fn new(link: L, conditions: Conditions) -> Self {
        Self {
            link,
            conditions: Conditions {
                latency: conditions.latency.min(LONGEST),
                jitter: conditions.jitter.min(LONGEST),
                loss: share(conditions.loss),
                duplicates: share(conditions.duplicates),
                seed: conditions.seed,
            },
            now: Instant::now(),
            outbound: Way::new(conditions.seed),
            inbound: Way::new(!conditions.seed),
            arrived: VecDeque::new(),
            stats: SimulatorStats::default(),
        }
    }

    /// Link behind the simulator.
    pub fn link(&self) -> &L {
        &self.link
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }

    /// `true` if a datagram may be received in this turn.
    #[cfg(feature = "tokio")]
    pub(crate) fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Network conditions.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// Counters of the simulator.
    pub fn stats(&self) -> SimulatorStats {
        self.stats
    }

    /// Number of datagrams in flight, in both directions.
    pub fn under_way(&self) -> usize {
        self.outbound.flights.len() + self.inbound.flights.len() + self.arrived.len()
    }

    fn room(&self) -> usize {
        MAX_UNDER_WAY.saturating_sub(self.under_way())
    }

    fn count(&mut self, happened: SimulatorStats) {
        self.stats.entered += happened.entered;
        self.stats.lost += happened.lost;
        self.stats.duplicated += happened.duplicated;
    }

    /// Reads datagrams from the link, to delay them.
    fn read_link(&mut self) -> io::Result<()> {
        let mut buffer = [0; 2048];
        while let Some((len, peer)) = self.link.receive(&mut buffer)? {
            let room = self.room();
            let bytes = buffer.get(..len).unwrap_or_default();
            let inbound = &mut self.inbound;
            let happened = inbound.enter(&self.conditions, self.now, room, peer, bytes);
            self.count(happened);
        }
        Ok(())
    }

    /// Sends datagrams whose delay has passed.
    fn send_due(&mut self) -> io::Result<()> {
        while let Some(flight) = self.outbound.due(self.now) {
            self.link.send(flight.peer, &flight.bytes)?;
        }
        Ok(())
    }
}

fn share(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    }
}

impl<L: Link> Link for Simulator<L> {
    fn turn(&mut self, now: Instant) {
        self.now = now;
        self.link.turn(now);
        // A broken link reports its error again on the next read.
        let _ = self.read_link();
        let _ = self.send_due();
        while let Some(flight) = self.inbound.due(now) {
            self.arrived.push_back(flight);
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let Some(flight) = self.arrived.pop_front() else {
            self.read_link()?;
            return Ok(None);
        };
        let len = flight.bytes.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), flight.bytes.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(Some((len, flight.peer)))
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let room = self.room();
        let outbound = &mut self.outbound;
        let happened = outbound.enter(&self.conditions, self.now, room, to, datagram);
        self.count(happened);
        self.send_due()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_due()?;
        self.link.flush()
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if !self.arrived.is_empty() {
            return Ok(());
        }
        let next = self.next_arrival();
        let next = next.map(|at| at.saturating_duration_since(Instant::now()));
        self.link
            .wait(next.map_or(timeout, |next| next.min(timeout)))
    }

    fn next_arrival(&self) -> Option<Instant> {
        let arrivals = [
            self.outbound.next_arrival(),
            self.inbound.next_arrival(),
            self.link.next_arrival(),
        ];
        arrivals.into_iter().flatten().min()
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        self.link.local_addresses()
    }
}
