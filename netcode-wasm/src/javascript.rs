//! Class under the npm package, and the records that it returns. wasm-bindgen generates the
//! TypeScript for them, which `js/src` is checked against.
//!
//! Enumerations whose numbers have a meaning outside of this crate keep those numbers; the others
//! are strings. JavaScript frees each record that it has read.

#![allow(
    missing_docs,
    reason = "wasm-bindgen drops it for variants; the fields are the package's"
)]

use std::cell::OnceCell;
use std::error::Error;

use js_sys::{Function, Object, Reflect, Uint8Array};
use netcode_core::client::ClientState;
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::events::Event;
use crate::failure::{FailureCause, TransportFailure};
pub use crate::names::{CauseName, TransportName};
use crate::options::Options;

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

/// Text of an error and of its causes.
fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

/// Reports a panic to JavaScript.
pub(crate) fn report_panic(message: &str) {
    ON_PANIC.with(|cell| {
        if let Some(callback) = cell.get() {
            // The module stops in any case.
            let _ = callback.call1(&JsValue::UNDEFINED, &message.into());
        }
    });
}

/// Declares an enumeration with names and numbers of one in the core. Other numbers do not compile.
macro_rules! numbers_of {
    (
        $core:path, $number:ident;
        $(#[$doc:meta])*
        $name:ident { $($variant:ident = $value:literal,)* }
    ) => {
        $(#[$doc])*
        #[wasm_bindgen]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($variant = $value,)*
        }

        const _: () = {
            use $core as Core;
            $(assert!(Core::$variant.$number() as i32 == $value);)*
        };
    };
}

numbers_of! {
    ClientState, code;
    #[doc = "State of a client, by the standard's number: negative for an error."]
    State {
        ConnectTokenExpired = -6,
        InvalidConnectToken = -5,
        ConnectionTimedOut = -4,
        ConnectionResponseTimedOut = -3,
        ConnectionRequestTimedOut = -2,
        ConnectionDenied = -1,
        Disconnected = 0,
        SendingConnectionRequest = 1,
        SendingConnectionResponse = 2,
        Connected = 3,
    }
}

numbers_of! {
    netcode_core::bridge::CloseCode, number;
    #[doc = "Reason for which a bridge ended or refused a session, by the number that it sends."]
    CloseCode {
        NotARequest = 1,
        Version = 2,
        TokenExpired = 3,
        HandshakeTimedOut = 4,
        Idle = 5,
        ServerNotAllowed = 6,
        OriginNotAllowed = 7,
        Full = 8,
        TooManyFromAddress = 9,
        Draining = 10,
        Unavailable = 11,
    }
}

impl From<ClientState> for State {
    fn from(state: ClientState) -> Self {
        match state {
            ClientState::ConnectTokenExpired => Self::ConnectTokenExpired,
            ClientState::InvalidConnectToken => Self::InvalidConnectToken,
            ClientState::ConnectionTimedOut => Self::ConnectionTimedOut,
            ClientState::ConnectionResponseTimedOut => Self::ConnectionResponseTimedOut,
            ClientState::ConnectionRequestTimedOut => Self::ConnectionRequestTimedOut,
            ClientState::ConnectionDenied => Self::ConnectionDenied,
            ClientState::Disconnected => Self::Disconnected,
            ClientState::SendingConnectionRequest => Self::SendingConnectionRequest,
            ClientState::SendingConnectionResponse => Self::SendingConnectionResponse,
            ClientState::Connected => Self::Connected,
        }
    }
}

/// Event of a connection.
#[wasm_bindgen]
#[derive(Debug)]
pub enum ConnectionEvent {
    /// The client entered a state.
    StateChange(StateChange),
    /// A payload arrived.
    Payload(Payload),
    /// A session with the bridge failed.
    Failure(Failure),
}

impl From<Event> for ConnectionEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::StateChanged(state) => Self::StateChange(StateChange {
                state: state.into(),
            }),
            Event::Payload { sequence, payload } => Self::Payload(Payload {
                sequence: sequence.0 as f64,
                bytes: payload,
            }),
            Event::TransportFailed(failure) => Self::Failure(Failure(failure)),
        }
    }
}

/// Change of a client's state.
#[wasm_bindgen]
#[derive(Debug)]
pub struct StateChange {
    /// State that the client entered.
    #[wasm_bindgen(readonly)]
    pub state: State,
}

/// Payload from the server.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Payload {
    /// Sequence of its packet.
    #[wasm_bindgen(readonly)]
    pub sequence: f64,
    bytes: Box<[u8]>,
}

#[wasm_bindgen]
impl Payload {
    /// Copy of the payload.
    #[wasm_bindgen(getter, unchecked_return_type = "Uint8Array<ArrayBuffer>")]
    pub fn bytes(&self) -> Uint8Array {
        Uint8Array::from(&*self.bytes)
    }
}

/// Failure of a session with the bridge.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Failure(TransportFailure);

#[wasm_bindgen]
impl Failure {
    /// Transport of the session.
    #[wasm_bindgen(getter)]
    pub fn transport(&self) -> TransportName {
        self.0.transport.into()
    }

    /// Cause of the failure.
    #[wasm_bindgen(getter)]
    pub fn cause(&self) -> CauseName {
        self.0.cause.into()
    }

    /// Number of the bridge's `CloseCode`, or of one that is newer than this version. 0 unless the
    /// cause is `closed`.
    #[wasm_bindgen(getter, js_name = closeCode)]
    pub fn close_code(&self) -> u32 {
        match self.0.cause {
            FailureCause::Closed(code) => code.number(),
            FailureCause::ClosedUnknown(number) => number,
            _ => 0,
        }
    }

    /// The failure as a sentence.
    #[wasm_bindgen(getter)]
    pub fn message(&self) -> String {
        self.0.to_string()
    }
}

/// Counters of a connection, by the names of the npm package's `ClientStats`.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Stats {
    #[wasm_bindgen(readonly, js_name = handshakeRoundTrip)]
    pub handshake_round_trip: Option<f64>,
    #[wasm_bindgen(readonly)]
    pub sent: f64,
    #[wasm_bindgen(readonly)]
    pub received: f64,
    #[wasm_bindgen(readonly, js_name = bytesSent)]
    pub bytes_sent: f64,
    #[wasm_bindgen(readonly, js_name = bytesReceived)]
    pub bytes_received: f64,
    #[wasm_bindgen(readonly, js_name = payloadsSent)]
    pub payloads_sent: f64,
    #[wasm_bindgen(readonly, js_name = payloadsReceived)]
    pub payloads_received: f64,
    #[wasm_bindgen(readonly)]
    pub lost: f64,
    #[wasm_bindgen(readonly)]
    pub unsent: u32,
    #[wasm_bindgen(readonly)]
    pub malformed: u32,
    #[wasm_bindgen(readonly, js_name = payloadsUntaken)]
    pub payloads_untaken: u32,
}

/// Client for JavaScript.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Connection(Client);

#[wasm_bindgen]
impl Connection {
    /// Begins to connect. `hashes` is any number of SHA-256, one after the other.
    ///
    /// # Errors
    /// Text that names the error of the token.
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
        let client = Client::connect(token, &options).map_err(|error| with_causes(&error))?;
        Ok(Self(client))
    }

    /// Next event, in the order in which events became true.
    pub fn next_event(&mut self) -> Option<ConnectionEvent> {
        self.0.next_event().map(ConnectionEvent::from)
    }

    /// Sends a payload of the right length. A payload between the end of the connection and the
    /// event that reports it is lost, as any may be.
    pub fn send(&mut self, payload: &[u8]) {
        let _ = self.0.send(payload);
    }

    /// Ends the connection.
    pub fn close(&mut self) {
        self.0.disconnect();
    }

    /// Transport in use, or being tried.
    pub fn transport(&self) -> TransportName {
        self.0.transport().into()
    }

    /// `true` if the last failure of a transport ended the client.
    pub fn ended_by_failure(&self) -> bool {
        self.0.failure().is_some()
    }

    /// `true` if the page was left, which ended the client.
    pub fn left_page(&self) -> bool {
        self.0.left_page()
    }

    /// Length in bytes of the longest payload that travels in one piece now.
    pub fn max_payload(&self) -> usize {
        self.0.max_payload()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let stats = self.0.with_core(netcode_core::client::Client::stats);
        let link = self.0.link_stats();
        let round_trip = stats.handshake_round_trip;
        Stats {
            handshake_round_trip: round_trip.map(|it| it.as_micros() as f64 / 1000.0),
            sent: stats.datagrams_out as f64,
            received: stats.datagrams_in as f64,
            bytes_sent: stats.bytes_out as f64,
            bytes_received: stats.bytes_in as f64,
            payloads_sent: stats.payloads_out as f64,
            payloads_received: stats.payloads_in as f64,
            lost: stats.lost as f64,
            unsent: link.unsent,
            malformed: link.malformed,
            payloads_untaken: link.untaken,
        }
    }

    /// Datagrams dropped, by reason; reasons that did not occur are left out.
    #[wasm_bindgen(unchecked_return_type = "Record<string, number>")]
    pub fn dropped(&self) -> Object {
        let dropped = Object::new();
        self.0.with_core(|core| {
            for (reason, count) in core.dropped().iter().filter(|&(_, count)| count > 0) {
                // A new object takes any property.
                let _ = Reflect::set(&dropped, &reason.name().into(), &count.into());
            }
        });
        dropped
    }
}
