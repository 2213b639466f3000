//! Milliseconds since the start, counted by SysTick.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use smoltcp::time::Instant;

use crate::board::CLOCK_HZ;
use crate::counter::Counter;

/// 64 bits: one of 32 starts again after 49 days, and whatever waits for a time before that would
/// wait for 49 more.
static MILLIS: Counter = Counter::new(0, 0);

/// Starts to count.
pub fn start(mut systick: SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(CLOCK_HZ / 1000 - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

#[exception]
fn SysTick() {
    MILLIS.increment();
}

/// Now. It never runs backwards.
pub fn now() -> Instant {
    Instant::from_millis(i64::try_from(MILLIS.get()).unwrap_or(i64::MAX))
}

/// Ticks of the processor's clock, to measure short times with: they wrap.
pub fn ticks() -> u32 {
    let ticks_a_milli = CLOCK_HZ / 1000;
    loop {
        let millis = MILLIS.low();
        let into = ticks_a_milli - 1 - SYST::get_current();
        // Read again if a millisecond ended between the two.
        if MILLIS.low() == millis {
            return millis.wrapping_mul(ticks_a_milli).wrapping_add(into);
        }
    }
}

/// Sleeps until the next interrupt: a millisecond at most.
pub fn sleep() {
    cortex_m::asm::wfi();
}
