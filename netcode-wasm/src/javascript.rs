//! The class under the npm package: numbers and bytes, for `js/src` to make an interface of.

use std::cell::OnceCell;

use js_sys::Function;
use netcode_core::Dropped;
use wasm_bindgen::prelude::*;

use crate::client::{Client, Event};
use crate::failure::{FailureCause, TransportFailure, TransportKind};
use crate::options::Options;

/// What [`Connection::take_event`] gives for a transport that failed; states are below.
const TRANSPORT_FAILED: i32 = 100;

thread_local! {
    static ON_PANIC: OnceCell<Function> = const { OnceCell::new() };
}

/// Has `callback` called with the message of a panic, before the module stops for good.
#[wasm_bindgen]
pub fn on_panic(callback: Function) {
    ON_PANIC.with(|cell| {
        if cell.set(callback).is_ok() {
            std::panic::set_hook(Box::new(|info| report_panic(&info.to_string())));
        }
    });
}

/// Tells JavaScript of a panic.
pub(crate) fn report_panic(message: &str) {
    ON_PANIC.with(|cell| {
        if let Some(callback) = cell.get() {
            // The module stops in any case.
            let _ = callback.call1(&JsValue::UNDEFINED, &message.into());
        }
    });
}

/// A client.
#[wasm_bindgen]
pub struct Connection {
    client: Client,
    failure: Option<TransportFailure>,
    sequence: u64,
}

#[wasm_bindgen]
impl Connection {
    /// Begins to connect. `hashes` is any number of SHA-256, one behind the other.
    ///
    /// # Errors
    /// A text that says what is wrong with the token.
    #[wasm_bindgen(constructor)]
    pub fn new(
        token: &[u8],
        webtransport: Option<String>,
        webrtc: Option<String>,
        hashes: &[u8],
        notify: Function,
    ) -> Result<Self, String> {
        let options = Options {
            webtransport,
            webrtc,
            certificate_hashes: hashes.as_chunks().0.to_vec(),
            notify: Some(notify),
        };
        let client = Client::connect(token, &options).map_err(|error| error.to_string())?;
        Ok(Self {
            client,
            failure: None,
            sequence: 0,
        })
    }

    /// The next event: the number of the state that was entered, or `TRANSPORT_FAILED`, which the
    /// four methods below then tell about.
    pub fn take_event(&mut self) -> Option<i32> {
        Some(match self.client.poll_event()? {
            Event::StateChanged(state) => i32::from(state.code()),
            Event::TransportFailed(failure) => {
                self.failure = Some(failure);
                TRANSPORT_FAILED
            }
        })
    }

    /// 0 for WebTransport, 1 for WebRTC.
    pub fn failed_transport(&self) -> Option<u32> {
        Some(transport_number(self.failure.as_ref()?.transport))
    }

    /// 0 missing, 1 not opened, 2 signalling, 3 lost, 4 closed.
    pub fn failed_cause(&self) -> Option<u32> {
        Some(match self.failure.as_ref()?.cause {
            FailureCause::Missing => 0,
            FailureCause::NotOpened => 1,
            FailureCause::Signalling => 2,
            FailureCause::Lost => 3,
            FailureCause::Closed(_) | FailureCause::ClosedUnknown(_) => 4,
        })
    }

    /// The bridge's number for why it closed the session, if it did.
    pub fn failed_code(&self) -> Option<u32> {
        match self.failure.as_ref()?.cause {
            FailureCause::Closed(code) => Some(code.number()),
            FailureCause::ClosedUnknown(number) => Some(number),
            _ => None,
        }
    }

    /// The failure in words.
    pub fn failed_text(&self) -> Option<String> {
        self.failure.as_ref().map(ToString::to_string)
    }

    /// Whether the last failure of a transport is what ended the client.
    pub fn ended_by_failure(&self) -> bool {
        self.client.failure().is_some()
    }

    /// Whether the page was left, which ended the client.
    pub fn left_page(&self) -> bool {
        self.client.left_page()
    }

    /// The next payload.
    pub fn take_payload(&mut self) -> Option<Box<[u8]>> {
        let payload = self.client.receive()?;
        self.sequence = payload.sequence.0;
        Some(payload.bytes)
    }

    /// The sequence of the payload taken last.
    pub fn sequence(&self) -> f64 {
        self.sequence as f64
    }

    /// Sends a payload, of the right length. Between the end of the connection and the event that
    /// tells of it a payload is lost, as any may be: nobody could have known.
    pub fn send(&mut self, payload: &[u8]) {
        let _ = self.client.send(payload);
    }

    /// Ends the connection.
    pub fn close(&mut self) {
        self.client.disconnect();
    }

    /// The way in use, or being tried: 0 for WebTransport, 1 for WebRTC.
    pub fn transport(&self) -> u32 {
        transport_number(self.client.transport())
    }

    /// The longest payload that travels in one piece now, bytes.
    pub fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// Round trip of the handshake in milliseconds or NaN; datagrams, bytes and payloads, each
    /// sent and received; datagrams lost, and unsent; messages malformed; payloads untaken.
    pub fn stats(&self) -> Vec<f64> {
        let stats = self.client.stats();
        let link = self.client.link_stats();
        let round_trip = stats.handshake_round_trip;
        vec![
            round_trip.map_or(f64::NAN, |it| it.as_micros() as f64 / 1000.0),
            stats.datagrams_out as f64,
            stats.datagrams_in as f64,
            stats.bytes_out as f64,
            stats.bytes_in as f64,
            stats.payloads_out as f64,
            stats.payloads_in as f64,
            stats.lost as f64,
            f64::from(link.unsent),
            f64::from(link.malformed),
            f64::from(link.untaken),
        ]
    }

    /// Datagrams dropped, in the order of [`drop_name`].
    pub fn dropped(&self) -> Vec<u32> {
        self.client
            .dropped()
            .iter()
            .map(|(_, count)| count)
            .collect()
    }
}

/// The name of a reason to drop a datagram.
#[wasm_bindgen]
pub fn drop_name(index: usize) -> Option<String> {
    Dropped::ALL
        .get(index)
        .map(|reason| reason.name().to_owned())
}

fn transport_number(kind: TransportKind) -> u32 {
    match kind {
        TransportKind::WebTransport => 0,
        TransportKind::WebRtc => 1,
    }
}
