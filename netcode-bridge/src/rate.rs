//! Token buckets: rates of datagrams, bytes and arrivals.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::admission::{Exhausted, source};

/// Bucket that fills by `per_second` each second and holds what two seconds bring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    per_second: u64,
    /// In millionths, so that every microsecond adds a whole number.
    level: u64,
    filled: Instant,
}

const MILLION: u64 = 1_000_000;

impl Rate {
    /// Full bucket.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = u64::from(per_second);
        Self {
            per_second,
            level: Self::room(per_second),
            filled: now,
        }
    }

    const fn room(per_second: u64) -> u64 {
        per_second * 2 * MILLION
    }

    /// `true` if the bucket holds `amount` at `now`.
    pub(super) fn has(&mut self, now: Instant, amount: usize) -> bool {
        let micros = now.saturating_duration_since(self.filled).as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        self.filled = self.filled.max(now);
        self.level = self
            .level
            .saturating_add(micros.saturating_mul(self.per_second))
            .min(Self::room(self.per_second));
        self.level >= in_millionths(amount)
    }

    /// `true` if the bucket is full, and so the same as a new one.
    fn is_full(&mut self, now: Instant) -> bool {
        self.has(now, 0);
        self.level >= Self::room(self.per_second)
    }

    /// Takes `amount` out.
    pub(super) fn take(&mut self, amount: usize) {
        self.level = self.level.saturating_sub(in_millionths(amount));
    }
}

/// Arrivals a second, in total and from each address; bursts of twice as many.
pub(super) struct Arrivals(Mutex<Buckets>);

struct Buckets {
    total: Rate,
    by_source: HashMap<IpAddr, Rate>,
    per_source: u32,
}

/// Number of buckets above which full ones, which carry no information, are removed.
const BUCKETS: usize = 4096;

impl Arrivals {
    pub(super) fn new(per_second: u32, per_second_per_address: u32, now: Instant) -> Self {
        Self(Mutex::new(Buckets {
            total: Rate::new(per_second, now),
            by_source: HashMap::new(),
            per_source: per_second_per_address,
        }))
    }

    /// Counts an arrival from `address`, if the rates permit it. Arrivals above an address's own
    /// share do not count in the total.
    pub(super) fn take(&self, now: Instant, address: IpAddr) -> Result<(), Exhausted> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets {
            total,
            by_source,
            per_source,
        } = &mut *buckets;
        let source = source(address);
        let known = by_source.get(&source).copied();
        let mut rate = known.unwrap_or_else(|| Rate::new(*per_source, now));
        if !rate.has(now, 1) {
            return Err(Exhausted::PerAddress);
        }
        if !total.has(now, 1) {
            return Err(Exhausted::Total);
        }
        total.take(1);
        if by_source.len() >= BUCKETS {
            // The total bounds the number that are not full: two seconds' worth.
            by_source.retain(|_, rate| !rate.is_full(now));
        }
        rate.take(1);
        by_source.insert(source, rate);
        Ok(())
    }

    /// Counts an arrival on behalf of many addresses: in the total alone.
    pub(super) fn take_for_many(&self, now: Instant) -> Result<(), Exhausted> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.total.has(now, 1) {
            return Err(Exhausted::Total);
        }
        buckets.total.take(1);
        Ok(())
    }
}

fn in_millionths(amount: usize) -> u64 {
    u64::try_from(amount)
        .unwrap_or(u64::MAX)
        .saturating_mul(MILLION)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn take(rate: &mut Rate, now: Instant, amount: usize) -> bool {
        let has = rate.has(now, amount);
        if has {
            rate.take(amount);
        }
        has
    }

    #[test]
    fn two_seconds_worth_passes_at_once_and_then_the_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start);
        let passed = |rate: &mut Rate, now| (0..100).filter(|_| take(rate, now, 1)).count();
        assert_eq!(passed(&mut rate, start), 20);
        assert_eq!(passed(&mut rate, start + Duration::from_millis(500)), 5);
        assert_eq!(passed(&mut rate, start + Duration::from_secs(3600)), 20);
    }

    #[test]
    fn a_clock_that_steps_back_adds_no_allowance() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut rate = Rate::new(1, start);
        assert!(take(&mut rate, start, 2));
        assert!(!take(&mut rate, start - Duration::from_secs(5), 1));
        assert!(!take(&mut rate, start, 1));
        assert!(take(&mut rate, start + Duration::from_secs(1), 1));
    }

    #[test]
    fn an_address_over_its_rate_is_refused_at_no_cost_to_others() {
        let now = Instant::now();
        let arrivals = Arrivals::new(10, 2, now);
        let [here, there] = ["192.0.2.1", "192.0.2.2"].map(|it| it.parse().unwrap());
        let passed = |from| {
            (0..100)
                .filter(|_| arrivals.take(now, from).is_ok())
                .count()
        };
        assert_eq!((passed(here), passed(there)), (4, 4));
        assert_eq!(arrivals.take(now, here), Err(Exhausted::PerAddress));
        let others = (0..100u8).map(|last| IpAddr::from([198, 51, 100, last]));
        let passed = others.filter(|from| arrivals.take(now, *from).is_ok());
        assert_eq!(passed.count(), 12);
        assert_eq!(arrivals.take_for_many(now), Err(Exhausted::Total));
    }

    #[test]
    fn addresses_that_came_long_ago_are_forgotten() {
        let mut now = Instant::now();
        let arrivals = Arrivals::new(1_000_000, 1, now);
        for number in 0..3 * u32::try_from(BUCKETS).unwrap() {
            now += Duration::from_millis(1);
            arrivals
                .take(now, IpAddr::from(number.to_be_bytes()))
                .unwrap();
        }
        assert!(arrivals.0.lock().unwrap().by_source.len() <= BUCKETS);
    }
}
