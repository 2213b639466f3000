//! The client in a worker.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

mod browser;

use browser::{NO_BRIDGE, Watched};
use netcode_wasm::{FailureCause, Options, TransportKind};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
async fn a_worker_has_webtransport_and_no_webrtc() {
    let mut watched = Watched::connect(&["192.0.2.1:40000"], Options::new(NO_BRIDGE));
    let first = watched.failure().await;
    assert_eq!(first.cause, FailureCause::NotOpened);
    let second = watched.failure().await;
    assert_eq!(second.transport, TransportKind::WebRtc);
    assert_eq!(second.cause, FailureCause::Missing);
}
