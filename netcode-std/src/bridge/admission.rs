//! How many sessions there are, in total and from each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netcode_core::bridge::CloseCode;

use super::config::Limits;

/// Counts sessions, and lets no more in than the limits allow.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    total: usize,
    by_source: HashMap<IpAddr, usize>,
    most: usize,
    most_by_source: usize,
    closed: bool,
}

/// A session's place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Admission,
    source: IpAddr,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Mutex::new(Held {
            total: 0,
            by_source: HashMap::new(),
            most: limits.sessions,
            most_by_source: limits.sessions_per_address,
            closed: false,
        })))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a session from `address`.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Permit, CloseCode> {
        let source = source(address);
        let mut held = self.held();
        if held.closed {
            return Err(CloseCode::Draining);
        }
        if held.total >= held.most {
            return Err(CloseCode::Full);
        }
        let from_here = held.by_source.get(&source).copied().unwrap_or(0);
        if from_here >= held.most_by_source {
            return Err(CloseCode::TooManyFromAddress);
        }
        held.by_source.insert(source, from_here + 1);
        held.total += 1;
        Ok(Permit {
            admission: self.clone(),
            source,
        })
    }

    /// Lets nobody in from now on.
    pub(super) fn close(&self) {
        self.held().closed = true;
    }

    pub(super) fn total(&self) -> usize {
        self.held().total
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.admission.held();
        held.total = held.total.saturating_sub(1);
        if let Some(from_here) = held.by_source.get_mut(&self.source) {
            *from_here = from_here.saturating_sub(1);
            if *from_here == 0 {
                held.by_source.remove(&self.source);
            }
        }
    }
}

/// Who has many addresses has a whole IPv6 network of 64 bits: it counts as one.
fn source(address: IpAddr) -> IpAddr {
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

    fn limits() -> Limits {
        Limits {
            sessions: 3,
            sessions_per_address: 2,
            ..Limits::default()
        }
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let admission = Admission::new(&limits());
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let first = admission.admit(here).unwrap();
        let _second = admission.admit(here).unwrap();
        assert_eq!(
            admission.admit(here).unwrap_err(),
            CloseCode::TooManyFromAddress
        );
        drop(first);
        admission.admit(here).unwrap();
    }

    #[test]
    fn the_total_is_limited_whoever_asks() {
        let admission = Admission::new(&limits());
        let _held: Vec<_> = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            .map(|address| admission.admit(address.parse().unwrap()).unwrap())
            .into();
        let next = "192.0.2.4".parse().unwrap();
        assert_eq!(admission.admit(next).unwrap_err(), CloseCode::Full);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let admission = Admission::new(&limits());
        let _held: Vec<_> = ["2001:db8::1", "2001:db8::2"]
            .map(|address| admission.admit(address.parse().unwrap()).unwrap())
            .into();
        let same_network = "2001:db8::ffff".parse().unwrap();
        let another = "2001:db8:0:1::1".parse().unwrap();
        assert_eq!(
            admission.admit(same_network).unwrap_err(),
            CloseCode::TooManyFromAddress
        );
        admission.admit(another).unwrap();
    }

    #[test]
    fn an_address_that_asks_in_vain_leaves_nothing_behind() {
        let admission = Admission::new(&Limits {
            sessions_per_address: 0,
            ..limits()
        });
        for last in 0..=u8::MAX {
            admission
                .admit(IpAddr::from([192, 0, 2, last]))
                .unwrap_err();
        }
        assert!(admission.held().by_source.is_empty());
    }

    #[test]
    fn nobody_gets_into_a_bridge_that_goes_away() {
        let admission = Admission::new(&limits());
        admission.close();
        let here = "192.0.2.1".parse().unwrap();
        assert_eq!(admission.admit(here).unwrap_err(), CloseCode::Draining);
    }
}
