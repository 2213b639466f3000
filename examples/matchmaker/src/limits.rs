//! Rate limits, per account, per address and per server (`governor`). Each backend counts for itself.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::api::{Code, Refusal};
use crate::store::ServerId;

/// Most entries of a table. Beyond it newcomers are refused: an attacker with many addresses
/// cannot take all memory.
const MAX_ENTRIES: usize = 200_000;

/// Heartbeats of a server: one whose clients come and go sends up to four a second. Servers that
/// share an API key do not share this.
const SERVER_RATE: Rate = Rate {
    burst: NonZeroU32::new(20).unwrap(),
    per_minute: NonZeroU32::new(600).unwrap(),
};

/// Rate: a burst, and so many more each minute.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
    /// Requests in a minute, in the long run.
    pub per_minute: NonZeroU32,
}

impl Rate {
    const fn quota(self) -> Quota {
        Quota::per_minute(self.per_minute).allow_burst(self.burst)
    }
}

/// Counts of recent requests.
pub struct Limits {
    accounts: Table<String>,
    addresses: Table<IpAddr>,
    servers: Table<ServerId>,
}

struct Table<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    clock: DefaultClock,
}

impl Limits {
    /// Empty tables.
    pub fn new(account: Rate, address: Rate) -> Self {
        Self {
            accounts: Table::new(account),
            addresses: Table::new(address),
            servers: Table::new(SERVER_RATE),
        }
    }

    /// Counts a request of an account.
    ///
    /// # Errors
    /// `too-many-requests`, with the time to wait.
    pub fn check_account(&self, account: &str) -> Result<(), Refusal> {
        self.accounts.check(&account.to_owned(), "this account")
    }

    /// Counts a request from an address; an IPv6 /64 counts as one.
    ///
    /// # Errors
    /// `too-many-requests`, with the time to wait.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        self.addresses.check(&network(address), "this address")
    }

    /// Counts a heartbeat of a server.
    ///
    /// # Errors
    /// `too-many-requests`, with the time to wait.
    pub fn check_server(&self, server: &ServerId) -> Result<(), Refusal> {
        self.servers.check(server, "this server")
    }

    /// Forgets accounts, addresses and servers that have their whole burst again. Call it every few
    /// seconds.
    pub fn forget(&self) {
        self.accounts.limiter.retain_recent();
        self.addresses.limiter.retain_recent();
        self.servers.limiter.retain_recent();
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn new(rate: Rate) -> Self {
        Self {
            limiter: RateLimiter::keyed(rate.quota()),
            clock: DefaultClock::default(),
        }
    }

    fn check(&self, key: &K, who: &str) -> Result<(), Refusal> {
        if self.limiter.len() >= MAX_ENTRIES {
            let full = "too many callers at once; try again";
            let wait = std::time::Duration::from_secs(5);
            return Err(Refusal::new(Code::Unavailable, full).retry_after(wait));
        }
        self.limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            let detail = format!("too many requests from {who}; wait before the next");
            Refusal::new(Code::TooManyRequests, detail).retry_after(wait)
        })
    }
}

/// Addresses that one subscriber has as a rule.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(burst: u32) -> Limits {
        let rate = Rate {
            burst: NonZeroU32::new(burst).unwrap(),
            per_minute: NonZeroU32::new(2).unwrap(),
        };
        Limits::new(rate, rate)
    }

    #[test]
    fn an_ipv6_subscriber_counts_as_one_address() {
        let limits = limits(1);
        let check = |address: &str| limits.check_address(address.parse().unwrap());
        check("2001:db8::1").unwrap();
        assert!(check("2001:db8::2").is_err());
        check("2001:db8:0:1::1").unwrap();
        check("192.0.2.1").unwrap();
        assert!(check("::ffff:192.0.2.1").is_err());
    }

    #[test]
    fn each_server_has_a_limit_of_its_own() {
        let limits = limits(1);
        let server = |name: &str| ServerId::new(name).unwrap();
        let taken = (0..100).take_while(|_| limits.check_server(&server("eu-1")).is_ok());
        assert!(taken.count() >= 20);
        limits.check_server(&server("eu-2")).unwrap();
    }

    #[test]
    fn the_time_to_wait_is_that_of_the_next_request() {
        let limits = limits(2);
        limits.check_account("a").unwrap();
        limits.check_account("a").unwrap();
        let wait = limits.check_account("a").unwrap_err().retry_after.unwrap();
        // Two a minute: one is free again within thirty seconds.
        assert!((29..=30).contains(&wait.as_secs()), "{wait:?}");
        limits.check_account("b").unwrap();
    }
}
