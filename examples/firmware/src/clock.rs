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

/// Sleeps until the next interrupt: a millisecond at most.
pub fn sleep() {
    cortex_m::asm::wfi();
}
