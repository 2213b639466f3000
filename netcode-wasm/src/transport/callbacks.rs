//! Callbacks of a session, of the timer and of the page.

use std::rc::Weak;

use js_sys::{Function, Uint8Array};
use netcode_core::bridge::CloseCode;
use wasm_bindgen::prelude::*;

use crate::failure::FailureCause;
use crate::names::CauseName;

/// Receiver of a client's callbacks. A session never calls back from within a call to it.
pub(crate) trait Listener {
    /// The session is open: messages can be sent.
    fn opened(&self);
    /// A message arrived.
    fn received(&self, message: &Uint8Array);
    /// The session failed, or the bridge ended it. This is its last call.
    fn failed(&self, cause: FailureCause, detail: String);
    /// The timer went off.
    fn woken(&self);
    /// The page is left, for good or for the browser's back/forward cache.
    fn page_left(&self);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = addEventListener)]
    fn add_event_listener(kind: &str, listener: &Function) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = removeEventListener)]
    fn remove_event_listener(kind: &str, listener: &Function) -> Result<(), JsValue>;
}

const PAGE_LEFT: &str = "pagehide";

/// JavaScript functions that call a listener while it lives. Made once for a client, and freed with
/// it.
pub(crate) struct Callbacks {
    opened: Closure<dyn FnMut()>,
    received: Closure<dyn FnMut(Uint8Array)>,
    failed: Closure<dyn FnMut(CauseName, u32, String)>,
    woken: Closure<dyn FnMut()>,
    page_left: Closure<dyn FnMut()>,
}

impl Callbacks {
    pub(crate) fn new<L: Listener + 'static>(listener: &Weak<L>) -> Self {
        let weak = || listener.clone();
        let (opened, received, failed, woken, left) = (weak(), weak(), weak(), weak(), weak());
        let callbacks = Self {
            opened: Closure::new(move || {
                if let Some(listener) = opened.upgrade() {
                    listener.opened();
                }
            }),
            received: Closure::new(move |message: Uint8Array| {
                if let Some(listener) = received.upgrade() {
                    listener.received(&message);
                }
            }),
            failed: Closure::new(move |cause, code, detail| {
                if let Some(listener) = failed.upgrade() {
                    listener.failed(read_cause(cause, code), detail);
                }
            }),
            woken: Closure::new(move || {
                if let Some(listener) = woken.upgrade() {
                    listener.woken();
                }
            }),
            page_left: Closure::new(move || {
                if let Some(listener) = left.upgrade() {
                    listener.page_left();
                }
            }),
        };
        // A global scope without events has no page to leave.
        let _ = add_event_listener(PAGE_LEFT, callbacks.page_left());
        callbacks
    }

    pub(super) fn opened(&self) -> &Function {
        self.opened.as_ref().unchecked_ref()
    }

    pub(super) fn received(&self) -> &Function {
        self.received.as_ref().unchecked_ref()
    }

    pub(super) fn failed(&self) -> &Function {
        self.failed.as_ref().unchecked_ref()
    }

    fn page_left(&self) -> &Function {
        self.page_left.as_ref().unchecked_ref()
    }

    /// Function for the timer.
    pub(crate) fn woken(&self) -> &Function {
        self.woken.as_ref().unchecked_ref()
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        let _ = remove_event_listener(PAGE_LEFT, self.page_left());
    }
}

/// Cause of a failure as `glue/*.js` reports it. `code` is the bridge's for a session that it
/// closed, else 0.
fn read_cause(cause: CauseName, code: u32) -> FailureCause {
    match cause {
        CauseName::Missing => FailureCause::Missing,
        CauseName::NotOpened => FailureCause::NotOpened,
        CauseName::SignallingFailed => FailureCause::Signalling,
        CauseName::Closed if code > 0 => CloseCode::from_number(code)
            .map_or(FailureCause::ClosedUnknown(code), FailureCause::Closed),
        // A session closed without a code was lost, not ended.
        _ => FailureCause::Lost,
    }
}
