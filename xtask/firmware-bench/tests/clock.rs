//! The firmware's clock, where its hardware's counter wraps.

#[allow(unreachable_pub, reason = "public where it is part of the firmware")]
#[path = "../../../examples/firmware/src/counter.rs"]
mod counter;

use std::cell::Cell;

use counter::{Counter, read};

#[test]
fn time_goes_on_when_the_lower_half_wraps() {
    let counter = Counter::new(0, u32::MAX - 2);
    let mut last = counter.get();
    for _ in 0..5 {
        counter.increment();
        assert_eq!(counter.get(), last + 1);
        last = counter.get();
    }
    assert_eq!(last, (1 << 32) + 2);
    assert_eq!(counter.low(), 2);
}

#[test]
fn a_deadline_beyond_the_wrap_lies_in_the_future() {
    let counter = Counter::new(0, u32::MAX - 10);
    let due = counter.get() + 100;
    assert!(counter.get() < due);
    (0..100).for_each(|_| counter.increment());
    assert!(counter.get() >= due);
}

/// The handler may interrupt a reading between any two of its loads.
#[test]
fn a_reading_that_the_wrap_interrupts_is_of_one_moment() {
    for interrupted in 0..3 {
        let counter = Counter::new(6, u32::MAX);
        let loads = Cell::new(0);
        let load = |half: u32| {
            if loads.replace(loads.get() + 1) == interrupted {
                counter.increment();
            }
            half
        };
        let high = || load(u32::try_from(counter.get() >> 32).unwrap_or(0));
        let low = || load(counter.low());
        let now = read(high, low);
        let (before, after) = (6 << 32 | u64::from(u32::MAX), 7 << 32);
        assert!(now == before || now == after, "{now:#x}");
    }
}
