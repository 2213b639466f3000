//! Counts of refused datagrams, by reason and host, until the next line about them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::cause::Cause;

/// Time from the first refusal to the lines about it and those that followed.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);

/// Pairs of reason and host that have a line of their own in an interval.
const MAX_PAIRS: usize = 32;

/// IPv4 address, or IPv6 network of 64 bits, the smallest that a provider assigns to one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    Network(Ipv6Addr),
}

impl Host {
    pub(crate) fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                Self::Network(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)))
            }
            ip => Self::Address(ip),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => ip.fmt(f),
            Self::Network(ip) => write!(f, "{ip}/64"),
        }
    }
}

/// Refused datagrams of one reason and one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) cause: Cause,
    /// `None`: all hosts that the table had no room for.
    pub(crate) host: Option<Host>,
    pub(crate) count: u64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = self.cause.noun();
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "refused: {} {noun}{plural} from ", self.count)?;
        match self.host {
            Some(host) => host.fmt(f)?,
            None => f.write_str("other hosts")?,
        }
        write!(f, ": {}", self.cause)
    }
}

/// Refused datagrams since the last lines. The number of entries is limited, whatever arrives:
/// [`MAX_PAIRS`], and one for each reason.
pub(crate) struct Refusals {
    entries: Vec<Refusal>,
    /// Time of the first of them.
    since: Option<Instant>,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::with_capacity(MAX_PAIRS),
            since: None,
        }
    }

    pub(crate) fn count(&mut self, now: Instant, host: Host, cause: Cause) {
        self.since.get_or_insert(now);
        if self.add(cause, Some(host)) {
            return;
        }
        let has_room = self.entries.len() < MAX_PAIRS;
        let host = has_room.then_some(host);
        if has_room || !self.add(cause, None) {
            let count = 1;
            self.entries.push(Refusal { cause, host, count });
        }
    }

    /// Adds one to an entry; `false` if there is none.
    fn add(&mut self, cause: Cause, host: Option<Host>) -> bool {
        let same = |entry: &&mut Refusal| entry.cause == cause && entry.host == host;
        let entry = self.entries.iter_mut().find(same);
        entry.map(|entry| entry.count += 1).is_some()
    }

    /// Time at which the lines are due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.since?.checked_add(INTERVAL)
    }

    /// Gives each entry to `write`, and begins anew.
    pub(crate) fn take(&mut self, write: impl FnMut(&Refusal)) {
        self.entries.iter().for_each(write);
        self.entries.clear();
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use netcode_core::Dropped;

    use super::*;

    const WRONG_KEY: Cause = Cause::Dropped(Dropped::TokenUnauthentic);

    fn host(address: &str) -> Host {
        Host::of(address.parse().unwrap())
    }

    fn lines(refusals: &mut Refusals) -> Vec<String> {
        let mut lines = Vec::new();
        refusals.take(|refusal| lines.push(refusal.to_string()));
        lines
    }

    #[test]
    fn refusals_are_counted_by_reason_and_host_until_their_lines_are_written() {
        let (mut refusals, begin) = (Refusals::new(), Instant::now());
        assert_eq!(refusals.due(), None);
        for second in 0..4 {
            let now = begin + Duration::from_secs(second);
            refusals.count(now, host("127.0.0.1:1"), WRONG_KEY);
        }
        refusals.count(begin, host("10.0.0.1:1"), Cause::Denied);
        assert_eq!(refusals.due(), Some(begin + INTERVAL));
        let expected = [
            "refused: 4 requests from 127.0.0.1: token does not open (wrong key?)",
            "refused: 1 request from 10.0.0.1: server is full, or closed to new clients",
        ];
        assert_eq!(lines(&mut refusals), expected);
        assert_eq!((refusals.due(), lines(&mut refusals)), (None, vec![]));
    }

    #[test]
    fn hosts_beyond_the_table_share_one_line_for_each_reason() {
        let mut refusals = Refusals::new();
        for number in 0..100_000_u32 {
            let host = Host::Address(IpAddr::V4(number.into()));
            refusals.count(Instant::now(), host, WRONG_KEY);
            refusals.count(Instant::now(), host, Cause::Denied);
        }
        let lines = lines(&mut refusals);
        assert_eq!(lines.len(), MAX_PAIRS + 2);
        let expected = [
            "refused: 99984 requests from other hosts: token does not open (wrong key?)",
            "refused: 99984 requests from other hosts: server is full, or closed to new clients",
        ];
        assert_eq!(lines[MAX_PAIRS..], expected);
    }

    #[test]
    fn a_host_is_an_ipv4_address_or_an_ipv6_network_of_64_bits() {
        assert_eq!(host("10.0.0.1:1"), host("10.0.0.1:2"));
        assert_eq!(host("[::ffff:10.0.0.1]:1"), host("10.0.0.1:2"));
        assert_ne!(host("10.0.0.1:1"), host("10.0.0.2:1"));
        assert_eq!(host("[2001:db8::1]:1"), host("[2001:db8::ffff:1]:9"));
        assert_ne!(host("[2001:db8::1]:1"), host("[2001:db8:0:1::1]:1"));
        assert_eq!(host("[2001:db8::1]:1").to_string(), "2001:db8::/64");
        assert_eq!(host("[::1]:1").to_string(), "::1");
    }
}
