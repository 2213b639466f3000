//! Admission: resources held at a time, in total and from each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::config::Limits;
use super::rate::Arrivals;

/// Resources that unauthenticated peers hold in a bridge, with their limits.
pub(super) struct Admission {
    /// Sessions, with one UDP socket each.
    pub(super) sessions: Places,
    /// WebRTC offers that were answered and have no data channel yet.
    pub(super) offers: Places,
    /// QUIC and HTTP/3 handshakes.
    pub(super) quic_handshakes: Places,
    /// TCP connections.
    pub(super) connections: Places,
    /// New TCP connections a second.
    pub(super) tcp_arrivals: Arrivals,
    /// New QUIC connections a second, from validated addresses.
    pub(super) quic_arrivals: Arrivals,
    /// New QUIC connections a second, from addresses not yet validated.
    pub(super) quic_unvalidated_arrivals: Arrivals,
    closed: AtomicBool,
}

impl Admission {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let arrivals = || {
            Arrivals::new(
                limits.arrivals_per_second,
                limits.arrivals_per_second_per_address,
                now,
            )
        };
        Self {
            sessions: Places::new(limits.sessions, limits.sessions_per_address),
            offers: Places::new(limits.offers, limits.offers_per_address),
            quic_handshakes: Places::new(
                limits.quic_handshakes,
                limits.quic_handshakes_per_address,
            ),
            connections: Places::new(limits.connections, limits.connections_per_address),
            tcp_arrivals: arrivals(),
            quic_arrivals: arrivals(),
            quic_unvalidated_arrivals: arrivals(),
            closed: AtomicBool::new(false),
        }
    }

    /// Admits no further peer.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Part of a limit that is exhausted: the total, or an address's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhausted {
    Total,
    PerAddress,
}

/// Places of one resource.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    total: usize,
    by_source: HashMap<IpAddr, usize>,
    most: usize,
    most_by_source: usize,
}

/// One place; dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    /// Address it counts for. `None` for a holder on behalf of many addresses.
    source: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(most: usize, most_by_source: usize) -> Self {
        Self(Arc::new(Mutex::new(Held {
            total: 0,
            by_source: HashMap::new(),
            most,
            most_by_source,
        })))
    }

    /// Takes a place for `address`.
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, Exhausted> {
        let source = source(address);
        let mut held = self.held();
        held.room(source)?;
        *held.by_source.entry(source).or_default() += 1;
        held.total += 1;
        Ok(self.place(Some(source)))
    }

    /// Takes a place that counts in the total alone, for a holder on behalf of many addresses.
    pub(super) fn take_for_many(&self) -> Result<Place, Exhausted> {
        let mut held = self.held();
        if held.total >= held.most {
            return Err(Exhausted::Total);
        }
        held.total += 1;
        Ok(self.place(None))
    }

    /// Checks that `address` would get a place now.
    pub(super) fn room(&self, address: IpAddr) -> Result<(), Exhausted> {
        self.held().room(source(address))
    }

    /// `true` if half of the places are taken: in total, or of this address's share.
    pub(super) fn is_crowded(&self, address: IpAddr) -> bool {
        let held = self.held();
        held.total >= held.most.div_ceil(2)
            || held.by(source(address)) >= held.most_by_source.div_ceil(2)
    }

    pub(super) fn taken(&self) -> usize {
        self.held().total
    }

    fn place(&self, source: Option<IpAddr>) -> Place {
        Place {
            places: self.clone(),
            source,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn by(&self, source: IpAddr) -> usize {
        self.by_source.get(&source).copied().unwrap_or(0)
    }

    fn room(&self, source: IpAddr) -> Result<(), Exhausted> {
        if self.total >= self.most {
            return Err(Exhausted::Total);
        }
        if self.by(source) >= self.most_by_source {
            return Err(Exhausted::PerAddress);
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        held.total = held.total.saturating_sub(1);
        let Some(source) = self.source else { return };
        if let Some(from_here) = held.by_source.get_mut(&source) {
            *from_here = from_here.saturating_sub(1);
            if *from_here == 0 {
                held.by_source.remove(&source);
            }
        }
    }
}

/// Key of the limits per address. An IPv6 address counts with its whole /64 network.
pub(super) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn exhausted(places: &Places, from: &str) -> Option<Exhausted> {
        places.take(address(from)).err()
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let places = Places::new(3, 2);
        let first = places.take(address("192.0.2.1")).unwrap();
        let _second = places.take(address("192.0.2.1")).unwrap();
        assert_eq!(exhausted(&places, "192.0.2.1"), Some(Exhausted::PerAddress));
        drop(first);
        assert_eq!(exhausted(&places, "192.0.2.1"), None);
    }

    #[test]
    fn the_total_is_limited_over_all_addresses() {
        let places = Places::new(3, 2);
        let held = ["192.0.2.1", "192.0.2.2"].map(|from| places.take(address(from)).unwrap());
        let for_many = places.take_for_many().unwrap();
        assert_eq!(exhausted(&places, "192.0.2.4"), Some(Exhausted::Total));
        assert_eq!(places.take_for_many().err(), Some(Exhausted::Total));
        drop((held, for_many));
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let places = Places::new(9, 2);
        let _held = ["2001:db8::1", "2001:db8::2"].map(|it| places.take(address(it)).unwrap());
        assert_eq!(
            exhausted(&places, "2001:db8::ffff"),
            Some(Exhausted::PerAddress)
        );
        assert_eq!(exhausted(&places, "2001:db8:0:1::1"), None);
        // IPv4 addresses in IPv6 form share no network.
        let _held = ["::ffff:192.0.2.1", "192.0.2.1"].map(|it| places.take(address(it)).unwrap());
        assert_eq!(exhausted(&places, "192.0.2.1"), Some(Exhausted::PerAddress));
        assert_eq!(exhausted(&places, "192.0.2.2"), None);
    }

    #[test]
    fn a_refused_address_leaves_no_entry_behind() {
        let places = Places::new(3, 0);
        for last in 0..=u8::MAX {
            places.take(IpAddr::from([192, 0, 2, last])).unwrap_err();
        }
        assert!(places.held().by_source.is_empty());
    }

    #[test]
    fn half_of_the_total_or_half_of_a_share_is_crowded() {
        let places = Places::new(8, 4);
        let mut held = vec![places.take(address("192.0.2.1")).unwrap()];
        assert!(!places.is_crowded(address("192.0.2.1")));
        held.push(places.take(address("192.0.2.1")).unwrap());
        assert!(places.is_crowded(address("192.0.2.1")));
        assert!(!places.is_crowded(address("192.0.2.2")));
        held.push(places.take(address("192.0.2.2")).unwrap());
        held.push(places.take(address("192.0.2.3")).unwrap());
        assert!(places.is_crowded(address("192.0.2.4")));
    }
}
