//! Milliseconds since the start, counted by SysTick.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use smoltcp::time::Instant;

use crate::board::CLOCK_HZ;

static MILLIS: AtomicU32 = AtomicU32::new(0);

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
    // Only this handler writes, so a load and a store do on cores without more.
    MILLIS.store(
        MILLIS.load(Ordering::Relaxed).wrapping_add(1),
        Ordering::Relaxed,
    );
}

/// Now. It starts again after 49 days, as if the clock were set back: nobody is disconnected for
/// it.
pub fn now() -> Instant {
    Instant::from_millis(MILLIS.load(Ordering::Relaxed))
}

/// Ticks of the processor's clock since the start, to measure short times with.
pub fn ticks() -> u32 {
    let ticks_a_milli = CLOCK_HZ / 1000;
    loop {
        let millis = MILLIS.load(Ordering::Relaxed);
        let into = ticks_a_milli - 1 - SYST::get_current();
        // Read again if a millisecond ended between the two.
        if MILLIS.load(Ordering::Relaxed) == millis {
            return millis.wrapping_mul(ticks_a_milli).wrapping_add(into);
        }
    }
}

/// Sleeps until the next interrupt: a millisecond at most.
pub fn sleep() {
    cortex_m::asm::wfi();
}
