//! What a session, the timer and the page call when something happens.

use std::rc::Weak;

use js_sys::{Function, Uint8Array};
use netcode_core::bridge::CloseCode;
use wasm_bindgen::prelude::*;

use crate::failure::FailureCause;

/// Who is told what becomes of a session. No session calls from within a call to it.
pub(crate) trait Listener {
    /// Messages can be sent.
    fn opened(&self);
    /// A message arrived.
    fn received(&self, message: &Uint8Array);
    /// The session failed, or ended by the bridge's doing. It calls no more.
    fn failed(&self, cause: FailureCause, detail: String);
    /// The time asked for has come.
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

/// The functions by which JavaScript calls a listener, for as long as it lives. They are made once
/// for a client, and freed with it.
pub(crate) struct Callbacks {
    opened: Closure<dyn FnMut()>,
    received: Closure<dyn FnMut(Uint8Array)>,
    failed: Closure<dyn FnMut(u32, u32, String)>,
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
        // Where nothing has events, there is no page to leave either.
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

    /// For the timer.
    pub(crate) fn woken(&self) -> &Function {
        self.woken.as_ref().unchecked_ref()
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        let _ = remove_event_listener(PAGE_LEFT, self.page_left());
    }
}

/// The numbers of `glue/*.js`.
fn read_cause(cause: u32, code: u32) -> FailureCause {
    match cause {
        0 => FailureCause::Missing,
        1 => FailureCause::NotOpened,
        2 => FailureCause::Signalling,
        3 => FailureCause::Lost,
        // A session that ends without a code was ended by nobody's decision.
        _ if code == 0 => FailureCause::Lost,
        _ => CloseCode::from_number(code)
            .map_or(FailureCause::ClosedUnknown(code), FailureCause::Closed),
    }
}
