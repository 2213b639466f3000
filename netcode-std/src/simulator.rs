//! A bad network around a good link: latency, jitter, loss, duplicates, reordering.
//!
//! For trying an application under conditions its author does not have at home, and for tests:
//! what happens to which datagram depends on the seed alone.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::link::Link;

/// Datagrams under way at most; more are lost, as in a router whose queue is full.
const MAX_UNDER_WAY: usize = 65_536;

/// What the network does to datagrams, in each direction alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// How long each takes at least.
    pub latency: Duration,
    /// How much longer it may take: evenly spread from zero to this. Reorders datagrams that are
    /// closer to each other than that.
    pub jitter: Duration,
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// The share that arrives twice, 0 to 1.
    pub duplicates: f64,
    /// What decides. The same seed does the same to the same datagrams.
    pub seed: u64,
}

impl Default for Conditions {
    /// A perfect network.
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

/// What a simulator has done, both directions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimulatorStats {
    /// Datagrams that entered it.
    pub entered: u64,
    /// Datagrams it lost.
    pub lost: u64,
    /// Datagrams it delivered twice.
    pub duplicated: u64,
}

struct Flight {
    peer: SocketAddr,
    bytes: Vec<u8>,
}

/// A queue ordered by arrival, then by entry.
type Flights = BTreeMap<(Instant, u64), Flight>;

/// A link with a bad network in front of it, in both directions.
pub struct Simulator<L> {
    link: L,
    conditions: Conditions,
    rng: StdRng,
    now: Instant,
    outbound: Flights,
    inbound: Flights,
    arrived: VecDeque<Flight>,
    entries: u64,
    stats: SimulatorStats,
}

impl<L: Link> Simulator<L> {
    /// Puts `conditions` in front of `link`. Shares outside 0 to 1 count as the nearer end.
    pub fn new(link: L, conditions: Conditions) -> Self {
        Self {
            link,
            conditions: Conditions {
                loss: share(conditions.loss),
                duplicates: share(conditions.duplicates),
                ..conditions
            },
            rng: StdRng::seed_from_u64(conditions.seed),
            now: Instant::now(),
            outbound: Flights::new(),
            inbound: Flights::new(),
            arrived: VecDeque::new(),
            entries: 0,
            stats: SimulatorStats::default(),
        }
    }

    /// The link behind it.
    pub fn link(&self) -> &L {
        &self.link
    }

    /// What it has done.
    pub fn stats(&self) -> SimulatorStats {
        self.stats
    }

    /// Datagrams that are under way, in both directions.
    pub fn under_way(&self) -> usize {
        self.outbound.len() + self.inbound.len() + self.arrived.len()
    }

    /// When each copy of the next datagram arrives.
    fn fates(&mut self) -> impl Iterator<Item = Instant> + use<L> {
        self.stats.entered += 1;
        let lost = self.rng.random_bool(self.conditions.loss);
        let twice = self.rng.random_bool(self.conditions.duplicates);
        let delays = [self.delay(), self.delay()];
        let now = self.now;
        let copies = match (lost || self.under_way() >= MAX_UNDER_WAY, twice) {
            (true, _) => {
                self.stats.lost += 1;
                0
            }
            (false, true) => {
                self.stats.duplicated += 1;
                2
            }
            (false, false) => 1,
        };
        delays
            .into_iter()
            .take(copies)
            .map(move |delay| now + delay)
    }

    fn delay(&mut self) -> Duration {
        self.conditions.latency + self.conditions.jitter.mul_f64(self.rng.random::<f64>())
    }

    fn number(&mut self) -> u64 {
        self.entries += 1;
        self.entries
    }

    /// Takes in what has reached the link behind, to delay it.
    fn take_in(&mut self) -> io::Result<()> {
        let mut buffer = [0; 2048];
        while let Some((len, peer)) = self.link.receive(&mut buffer)? {
            for arrival in self.fates() {
                let bytes = buffer.get(..len).unwrap_or_default().to_vec();
                let number = self.number();
                self.inbound
                    .insert((arrival, number), Flight { peer, bytes });
            }
        }
        Ok(())
    }

    /// Sends what has travelled long enough.
    fn send_due(&mut self) -> io::Result<()> {
        while let Some(flight) = due(&mut self.outbound, self.now) {
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

fn due(flights: &mut Flights, now: Instant) -> Option<Flight> {
    let entry = flights.first_entry()?;
    (entry.key().0 <= now).then(|| entry.remove())
}

impl<L: Link> Link for Simulator<L> {
    fn turn(&mut self, now: Instant) {
        self.now = now;
        self.link.turn(now);
        // A link that is gone says so again when it is next asked to receive.
        let _ = self.take_in();
        let _ = self.send_due();
        while let Some(flight) = due(&mut self.inbound, now) {
            self.arrived.push_back(flight);
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let Some(flight) = self.arrived.pop_front() else {
            self.take_in()?;
            return Ok(None);
        };
        let len = flight.bytes.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), flight.bytes.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(Some((len, flight.peer)))
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        for arrival in self.fates() {
            let number = self.number();
            let flight = Flight {
                peer: to,
                bytes: datagram.to_vec(),
            };
            self.outbound.insert((arrival, number), flight);
        }
        self.send_due()
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if !self.arrived.is_empty() {
            return Ok(());
        }
        let flights = self.outbound.keys().chain(self.inbound.keys());
        let next = flights
            .map(|(at, _)| at.saturating_duration_since(Instant::now()))
            .min();
        self.link
            .wait(next.map_or(timeout, |next| next.min(timeout)))
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        self.link.local_addresses()
    }
}
