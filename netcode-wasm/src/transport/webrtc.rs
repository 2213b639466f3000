//! WebRTC: an unordered data channel without retransmission.

use js_sys::Function;
use netcode_core::bridge::CHANNEL_LABEL;
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use wasm_bindgen::prelude::*;

use super::{Callbacks, Transport};

#[wasm_bindgen(module = "/glue/webrtc.js")]
extern "C" {
    type WebRtcSession;

    #[wasm_bindgen(constructor)]
    fn new(
        url: &str,
        label: &str,
        opened: &Function,
        received: &Function,
        failed: &Function,
    ) -> WebRtcSession;

    #[wasm_bindgen(method)]
    fn send(this: &WebRtcSession, message: &[u8]) -> bool;

    #[wasm_bindgen(method)]
    fn close(this: &WebRtcSession);
}

pub(super) struct WebRtc(WebRtcSession);

impl WebRtc {
    pub(super) fn open(url: &str, callbacks: &Callbacks) -> Self {
        Self(WebRtcSession::new(
            url,
            CHANNEL_LABEL,
            callbacks.opened(),
            callbacks.received(),
            callbacks.failed(),
        ))
    }
}

impl Transport for WebRtc {
    /// SCTP fragments and reassembles long messages.
    fn limit(&self) -> usize {
        MAX_DATAGRAM_BYTES
    }

    fn send(&self, message: &[u8]) -> bool {
        self.0.send(message)
    }
}

impl Drop for WebRtc {
    fn drop(&mut self) {
        self.0.close();
    }
}
