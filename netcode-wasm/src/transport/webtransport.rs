//! WebTransport: HTTP/3 datagrams.

use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;

use super::{Callbacks, Transport};

#[wasm_bindgen(module = "/glue/webtransport.js")]
extern "C" {
    type WebTransportSession;

    #[wasm_bindgen(constructor)]
    fn new(
        url: &str,
        certificate_hashes: Uint8Array,
        opened: &Function,
        received: &Function,
        failed: &Function,
    ) -> WebTransportSession;

    #[wasm_bindgen(method)]
    fn limit(this: &WebTransportSession) -> u32;

    #[wasm_bindgen(method)]
    fn send(this: &WebTransportSession, message: &[u8]) -> bool;

    #[wasm_bindgen(method)]
    fn leave(this: &WebTransportSession);

    #[wasm_bindgen(method)]
    fn close(this: &WebTransportSession);
}

pub(super) struct WebTransport(WebTransportSession);

impl WebTransport {
    pub(super) fn open(url: &str, hashes: &[[u8; 32]], callbacks: &Callbacks) -> Self {
        Self(WebTransportSession::new(
            url,
            Uint8Array::from(hashes.as_flattened()),
            callbacks.opened(),
            callbacks.received(),
            callbacks.failed(),
        ))
    }
}

impl Transport for WebTransport {
    fn limit(&self) -> usize {
        usize::try_from(self.0.limit()).unwrap_or(usize::MAX)
    }

    fn send(&self, message: &[u8]) -> bool {
        self.0.send(message)
    }

    fn leave_page(&self) {
        self.0.leave();
    }
}

impl Drop for WebTransport {
    fn drop(&mut self) {
        self.0.close();
    }
}
