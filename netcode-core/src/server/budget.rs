//! Decryption budget for senders without a session: bounded in total, and fair by host.
//!
//! A request can be authenticated only by opening its token, and a forged one costs as much as a
//! valid one. The budget is a token bucket of decryptions that fills at a steady rate and holds one
//! second's worth. While it is at least half full, every sender is served. Below that,
//!
//! - a host gets at most an eighth of the decryptions of each turn of 100 ms, so that a flood from
//!   one host leaves the rest to others;
//! - hosts are served in turns, against floods from forged addresses: a turn serves the hosts whose
//!   keyed hash lies in its arc of a circle, as many as the budget can pay for, and the next turn
//!   continues where it ended. A client repeats its request ten times a second, so at *n* times the
//!   budget an honest client is served within about *n* turns;
//! - the last eighth of the bucket is reserved for responses, whose senders have shown a valid
//!   token.

use core::num::NonZeroU32;

use super::share::Tally;
use crate::standard::SEND_INTERVAL;
use crate::time::{Local, micros};

/// One second, microseconds.
const SECOND: u64 = 1_000_000;

/// One decryption, in the unit of the bucket: so a rate per second fills it by that rate in each
/// microsecond.
const OPEN: i64 = 1_000_000;

/// Length of a turn, microseconds; each client sends once in it.
const TURN: u64 = micros(SEND_INTERVAL);

/// One in this many of a turn's decryptions is the share of one host while the budget is short.
const HOST_PART: u64 = 8;

/// One in this many of the bucket's decryptions is reserved for responses.
const RESPONSE_PART: i64 = 8;

/// Number of places on the circle of hashes. A place is a `u32`, and wraps.
const CIRCLE: u64 = 1 << 32;

/// Kind of datagram to decrypt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// One that may take this many decryptions. The first is spent; those that follow are charged.
    Request {
        opens: u32,
    },
    Response,
}

pub(crate) struct Budget {
    /// Decryptions in the bucket, in millionths. Below zero is a debt of less than one.
    level: i64,
    filled_at: Local,
    turn_began: Local,
    /// Arc of the circle that this turn serves: its first place and its length.
    arc: (u32, u64),
    /// Decryptions requested in this turn while the budget was short, by hosts below their share.
    demand: u64,
}

impl Budget {
    /// Empty budget, before the first start.
    pub(crate) const NONE: Self = Self {
        level: 0,
        filled_at: Local::ZERO,
        turn_began: Local::ZERO,
        arc: (0, CIRCLE),
        demand: 0,
    };

    /// A full bucket. Its first decryption begins a turn.
    pub(crate) const FULL: Self = Self {
        level: i64::MAX,
        ..Self::NONE
    };

    /// Spends one decryption on a datagram of the host with this hash; `false` if none is available
    /// to it now. Without a rate one always is. `hosts` counts the decryptions of each host in this
    /// turn.
    pub(crate) fn spend(
        &mut self,
        hosts: &mut Tally<'_>,
        now: Local,
        host: u64,
        work: Work,
        rate: Option<NonZeroU32>,
    ) -> bool {
        let Some(rate) = rate else {
            return true;
        };
        let full = i64::from(rate.get()).saturating_mul(OPEN);
        let rate = u64::from(rate.get());
        let filled = now.since(self.filled_at).saturating_mul(rate);
        self.level = self.level.saturating_add_unsigned(filled).min(full);
        self.filled_at = now;
        if now.since(self.turn_began) >= TURN {
            self.next_turn(now, rate);
            hosts.clear();
        }
        let short = self.level < full / 2;
        if short {
            let part = rate.saturating_mul(TURN).div_ceil(HOST_PART * SECOND);
            if hosts.count(host) as u64 >= part {
                return false;
            }
            let opens = match work {
                Work::Request { opens } => opens.into(),
                Work::Response => 1,
            };
            self.demand = self.demand.saturating_add(opens);
            if work != Work::Response && !self.is_its_turn(host) {
                return false;
            }
        }
        let kept = match work {
            Work::Request { .. } => full / RESPONSE_PART,
            Work::Response => 0,
        };
        if self.level < kept.saturating_add(OPEN) {
            return false;
        }
        self.charge(hosts, host);
        true
    }

    /// Charges one more decryption of a datagram whose first was spent, if need be as a debt.
    pub(crate) fn charge(&mut self, hosts: &mut Tally<'_>, host: u64) {
        self.level = self.level.saturating_sub(OPEN);
        hosts.add(host);
    }

    /// Begins the next turn where the last one ended. Its arc is as long as three quarters of the
    /// rate can pay for at unchanged demand; the rest refills the bucket.
    fn next_turn(&mut self, now: Local, rate: u64) {
        let (began, len) = self.arc;
        // Both in thousandths of a decryption.
        let payable = rate.saturating_mul(TURN * 3 / 4 / 1_000);
        let wanted = self.demand.saturating_mul(1_000).max(1);
        let share = payable.saturating_mul(CIRCLE).checked_div(wanted);
        #[expect(clippy::cast_possible_truncation, reason = "the circle is u32 wide")]
        let began = began.wrapping_add(len as u32);
        self.arc = (began, share.unwrap_or(CIRCLE).clamp(1, CIRCLE));
        self.demand = 0;
        self.turn_began = now;
    }

    fn is_its_turn(&self, host: u64) -> bool {
        let (began, len) = self.arc;
        let place = (host >> 32) as u32;
        u64::from(place.wrapping_sub(began)) < len
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::server::column::Column;
    use crate::server::hash::HashKey;
    use crate::server::peer::Peer;

    const REQUEST: Work = Work::Request { opens: 1 };
    const RATE: Option<NonZeroU32> = NonZeroU32::new(80);

    fn host(n: u32) -> u64 {
        let [a, b, c, d] = n.to_be_bytes();
        Peer::new(&([a, b, c, d], 1).into()).hash_host(HashKey(1, 2))
    }

    /// A budget and the decryptions of its hosts.
    struct Purse<'s>(Budget, Tally<'s>);

    impl Purse<'_> {
        fn spend(&mut self, now: u64, host: u64, work: Work, rate: Option<NonZeroU32>) -> bool {
            self.0.spend(&mut self.1, Local(now), host, work, rate)
        }
    }

    fn with_budget(test: impl FnOnce(&mut Purse<'_>)) {
        let mut counters = [[0; 2]; 64];
        let hosts = Tally::new(Column::Borrowed(&mut counters));
        test(&mut Purse(Budget::FULL, hosts));
    }

    fn spent(budget: &mut Purse<'_>, now: u64, from: u32, work: Work) -> usize {
        (0..100)
            .filter(|_| budget.spend(now, host(from), work, RATE))
            .count()
    }

    #[test]
    fn a_second_s_worth_can_be_spent_at_once_and_then_the_rate() {
        with_budget(|budget| {
            // One host spends until the bucket is half empty; then every host has its share.
            assert_eq!(spent(budget, 0, 1, REQUEST), 41);
            assert_eq!(spent(budget, 0, 2, REQUEST), 1);
            // Requests are served until only the reserve for responses is left; then responses
            // alone.
            let others: usize = (3..90).map(|n| spent(budget, 0, n, REQUEST)).sum();
            assert_eq!(others, 80 - 10 - 42);
            let responses: usize = (100..190)
                .map(|n| spent(budget, 0, n, Work::Response))
                .sum();
            assert_eq!(responses, 10);
            // Even after a long pause the bucket holds one second's worth.
            assert_eq!(spent(budget, 100 * SECOND, 1, REQUEST), 41);
        });
    }

    #[test]
    fn in_turns_every_host_is_served_and_the_rate_is_kept() {
        with_budget(|budget| {
            // Ten times the rate, each time from a new host.
            let mut now = 0;
            let mut served = 0;
            let mut turns_of_honest = Vec::new();
            for n in 0..8_000_u32 {
                now += SECOND / 800;
                let flood = host(n.wrapping_mul(0x9e37_79b9) | 1 << 31);
                served += usize::from(budget.spend(now, flood, REQUEST, RATE));
                if n % 80 == 79 && budget.spend(now, host(7), REQUEST, RATE) {
                    turns_of_honest.push(n / 80);
                }
            }
            assert!((700..=880).contains(&served), "{served}");
            let waits = turns_of_honest.windows(2).map(|two| two[1] - two[0]);
            assert!(waits.max().unwrap() <= 20, "{turns_of_honest:?}");
        });
    }

    #[test]
    fn a_turn_serves_the_places_of_its_arc_and_the_next_one_those_that_follow() {
        let place = |place: u32| u64::from(place) << 32 | 0xffff_ffff;
        let mut budget = Budget {
            arc: (u32::MAX - 1, 4),
            demand: 1 << 40,
            ..Budget::FULL
        };
        let served = |budget: &Budget, places: &[u32]| -> Vec<u32> {
            let mut places = places.to_vec();
            places.retain(|of| budget.is_its_turn(place(*of)));
            places
        };
        let places = [u32::MAX - 2, u32::MAX - 1, u32::MAX, 0, 1, 2, 3];
        assert_eq!(served(&budget, &places), [u32::MAX - 1, u32::MAX, 0, 1]);
        budget.next_turn(Local(0), 1);
        assert_eq!(budget.arc.0, 2);
        assert_eq!(served(&budget, &places), [2]);
    }

    #[test]
    fn a_decryption_that_follows_another_is_charged_and_asked_for() {
        with_budget(|budget| {
            let twice = Work::Request { opens: 2 };
            let mut served = 0;
            for n in 0..90 {
                if budget.spend(0, host(n), twice, RATE) {
                    budget.0.charge(&mut budget.1, host(n));
                    served += 1;
                }
            }
            // All but the reserve, two at a time.
            assert_eq!(served, (80 - 10) / 2);
            let Purse(budget, hosts) = budget;
            assert_eq!(budget.level, 10 * OPEN);
            assert!(hosts.count(host(0)) >= 2);
            hosts.clear();
            budget.demand = 0;
            budget.spend(hosts, Local(0), host(100), twice, RATE);
            assert_eq!(budget.demand, 2);
        });
    }

    #[test]
    fn a_debt_is_paid_before_anything_else() {
        with_budget(|Purse(budget, hosts)| {
            let rate = NonZeroU32::new(2);
            let mut spend = |budget: &mut Budget, now| {
                budget.spend(hosts, Local(now), host(1), Work::Response, rate)
            };
            assert!(spend(budget, 0) && spend(budget, 0));
            budget.level -= OPEN / 2;
            assert!(!spend(budget, SECOND / 2));
            assert!(spend(budget, SECOND * 3 / 4));
        });
    }

    #[test]
    fn without_a_rate_no_datagram_waits() {
        with_budget(|budget| {
            let spend = |_| budget.spend(0, host(1), REQUEST, None);
            assert!((0..1000).all(spend));
        });
    }
}
