//! The browser's clock, and a client's one timer.

use std::cell::Cell;

use js_sys::Function;
use netcode_core::Instant;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Function, milliseconds: f64) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: f64);
}

/// Time since the page or worker began.
pub(crate) fn now() -> Instant {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and the clock begins at zero"
    )]
    Instant::from_micros((performance_now() * 1000.0) as u64)
}

/// Timer that goes off early rather than be set again for every datagram.
#[derive(Default)]
pub(crate) struct Timer {
    pending: Cell<Option<(Instant, f64)>>,
}

impl Timer {
    /// Has `handler` called at `due`, or before.
    pub(crate) fn arm(&self, now: Instant, due: Instant, handler: &Function) {
        match self.pending.get() {
            Some((at, _)) if at <= due => return,
            Some((_, timer)) => clear_timeout(timer),
            None => {}
        }
        // Rounded up: it must not go off just before it is due.
        let milliseconds = due.saturating_since(now).as_micros().div_ceil(1000);
        let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX);
        let timer = set_timeout(handler, f64::from(milliseconds));
        self.pending.set(Some((due, timer)));
    }

    /// Records that the timer went off.
    pub(crate) fn fired(&self) {
        self.pending.set(None);
    }

    pub(crate) fn disarm(&self) {
        if let Some((_, timer)) = self.pending.take() {
            clear_timeout(timer);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.disarm();
    }
}
