//! The client in a page.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop where they fail"
)]

mod browser;

use browser::{NO_BRIDGE, Watched, Without};
use netcode_wasm::{FailureCause, Options, TransportKind};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn webrtc_is_tried_where_webtransport_does_not_open_and_both_say_why() {
    let mut watched = Watched::connect(&["192.0.2.1:40000"], Options::new(NO_BRIDGE));
    let first = watched.failure().await;
    assert_eq!(first.transport, TransportKind::WebTransport);
    assert_eq!(first.cause, FailureCause::NotOpened);
    assert_eq!(watched.client.transport(), TransportKind::WebRtc);
    let second = watched.failure().await;
    assert_eq!(second.transport, TransportKind::WebRtc);
    assert_eq!(second.cause, FailureCause::Signalling);
    watched.end().await;
    assert_eq!(watched.client.failure(), Some(second));
}

#[wasm_bindgen_test]
async fn without_webrtc_the_browser_is_said_to_lack_it() {
    let missing = Without::global("RTCPeerConnection");
    let options = Options::new(NO_BRIDGE).only(TransportKind::WebRtc);
    let mut watched = Watched::connect(&["192.0.2.1:40000"], options);
    drop(missing);
    assert_eq!(watched.failure().await.cause, FailureCause::Missing);
}
