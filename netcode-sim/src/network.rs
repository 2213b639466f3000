//! Network: delays, loses, duplicates, reorders, corrupts, partitions; and what it did, in numbers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// Disturbances of datagrams in transit; rates in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) loss: u32,
    pub(crate) duplicates: u32,
    pub(crate) corruption: u32,
    /// Shortest delay and its spread, microseconds.
    pub(crate) latency: u64,
    pub(crate) jitter: u64,
}

impl Weather {
    pub(crate) const FINE: Self = Self {
        loss: 0,
        duplicates: 0,
        corruption: 0,
        latency: 5_000,
        jitter: 0,
    };
}

/// Part of the network that fails for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing to or from an address.
    Address(SocketAddr),
    /// Nothing from one address to another.
    OneWay(SocketAddr, SocketAddr),
    /// All datagrams of an address are held back and come later: an observer with delay.
    Held(SocketAddr, u64),
}

/// Part of the path a datagram is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    /// UDP.
    Open,
    /// A session of the bridge: from the client of this number to the bridge.
    ToBridge(usize),
    /// From the bridge to the client of this number.
    FromBridge(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) leg: Leg,
    pub(crate) bytes: Vec<u8>,
}

/// Fate of every datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conservation {
    pub(crate) launched: u64,
    pub(crate) doubled: u64,
    pub(crate) lost: u64,
    pub(crate) landed: u64,
}

pub(crate) struct Network {
    pub(crate) weather: Weather,
    pub(crate) cuts: Vec<Cut>,
    flights: BTreeMap<(u64, u64), Flight>,
    number: u64,
    pub(crate) count: Conservation,
    /// Recording of everything sent, in worlds with attackers.
    pub(crate) tape: Option<Vec<Flight>>,
    rng: StdRng,
}

impl Network {
    pub(crate) fn new(weather: Weather, rng: StdRng) -> Self {
        Self {
            weather,
            cuts: Vec::new(),
            flights: BTreeMap::new(),
            number: 0,
            count: Conservation::default(),
            tape: None,
            rng,
        }
    }

    pub(crate) fn launch(&mut self, time: u64, flight: Flight) {
        self.send(time, &flight);
        if let Some(tape) = self.tape.as_mut().filter(|tape| tape.len() < 5_000) {
            tape.push(flight);
        }
    }

    /// Sends a datagram that the recorder does not see.
    pub(crate) fn send(&mut self, time: u64, flight: &Flight) {
        let Weather {
            loss,
            duplicates,
            corruption,
            latency,
            jitter,
        } = self.weather;
        self.count.launched += 1;
        let copies = 1 + u64::from(self.happens(duplicates));
        self.count.doubled += copies - 1;
        for _ in 0..copies {
            let mut held = 0;
            let mut lost = self.happens(loss);
            for cut in &self.cuts {
                match cut {
                    Cut::Address(at) => lost |= [flight.from, flight.to].contains(at),
                    Cut::OneWay(from, to) => lost |= flight.from == *from && flight.to == *to,
                    Cut::Held(at, by) if [flight.from, flight.to].contains(at) => held = *by,
                    Cut::Held(..) => {}
                }
            }
            if lost {
                self.count.lost += 1;
                continue;
            }
            let mut flight = flight.clone();
            if self.happens(corruption) {
                corrupt(&mut self.rng, &mut flight.bytes);
            }
            let delay = latency
                + held
                + if jitter > 0 {
                    self.rng.random_range(0..jitter)
                } else {
                    0
                };
            self.number += 1;
            self.flights.insert((time + delay, self.number), flight);
        }
    }

    fn happens(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.rng.random_range(0..1000) < thousandths
    }

    pub(crate) fn next(&self) -> Option<u64> {
        self.flights.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next datagram that has arrived.
    pub(crate) fn arrived(&mut self, time: u64) -> Option<Flight> {
        let first = self.flights.first_entry()?;
        (first.key().0 <= time).then(|| first.remove())
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.flights.len() as u64
    }
}

/// Changes a datagram: one bit or byte, its length, or bytes of its header.
pub(crate) fn corrupt(rng: &mut StdRng, bytes: &mut Vec<u8>) {
    let len = bytes.len();
    match rng.random_range(0..8) {
        0 => bytes.truncate(rng.random_range(0..=len)),
        1 => bytes.push(rng.random_range(0..=255)),
        2 if len > 0 => {
            let at = rng.random_range(0..len);
            bytes[at] = rng.random_range(0..=255);
        }
        3..=5 if len > 0 => {
            let at = rng.random_range(0..len.min(31));
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        _ if len > 0 => {
            let at = rng.random_range(0..len);
            bytes[at] ^= 1 << rng.random_range(0..8);
        }
        _ => bytes.resize(rng.random_range(0..40), 0),
    }
    if rng.random_range(0..50) == 0 {
        let mut noise = vec![0; rng.random_range(0..1300)];
        rng.fill_bytes(&mut noise);
        *bytes = noise;
    }
}
