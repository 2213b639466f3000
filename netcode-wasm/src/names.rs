//! Enumerations that JavaScript has as strings, in `glue/*.js` and in the npm package.

#![allow(
    missing_docs,
    unreachable_pub,
    reason = "wasm-bindgen drops documentation, and `javascript` alone makes these reachable"
)]

use wasm_bindgen::prelude::*;

use crate::failure::{FailureCause, TransportKind};

/// Transport between browser and bridge.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportName {
    WebTransport = "webtransport",
    WebRtc = "webrtc",
}

impl From<TransportKind> for TransportName {
    fn from(kind: TransportKind) -> Self {
        match kind {
            TransportKind::WebTransport => Self::WebTransport,
            TransportKind::WebRtc => Self::WebRtc,
        }
    }
}

/// Cause of a session's failure. A number gives the reason of a `closed` session.
#[wasm_bindgen(js_name = FailureCause)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CauseName {
    Missing = "missing",
    NotOpened = "not-opened",
    SignallingFailed = "signalling-failed",
    Lost = "lost",
    Closed = "closed",
}

impl From<FailureCause> for CauseName {
    fn from(cause: FailureCause) -> Self {
        match cause {
            FailureCause::Missing => Self::Missing,
            FailureCause::NotOpened => Self::NotOpened,
            FailureCause::Signalling => Self::SignallingFailed,
            FailureCause::Lost => Self::Lost,
            FailureCause::Closed(_) | FailureCause::ClosedUnknown(_) => Self::Closed,
        }
    }
}
