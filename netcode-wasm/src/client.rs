//! A client as an engine in Rust uses it.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use js_sys::{Function, Uint8Array};
use netcode_core::client::{self as core, ClientState};
use netcode_core::{ConnectionStats, DropCounts, Instant, SendError};
use wasm_bindgen::JsValue;

use crate::clock;
use crate::engine::Engine;
use crate::failure::{FailureCause, TransportFailure, TransportKind};
use crate::inbox::Payload;
use crate::options::Options;
use crate::transport::{Callbacks, Listener};

/// Why a client does not begin to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The bytes are no usable token: the core's error says why.
    Token(core::ConnectError),
    /// The options name no bridge at all.
    NoTransport,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::NoTransport => f.write_str("the options name no bridge"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// What happened to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The client entered a state.
    StateChanged(ClientState),
    /// A session with the bridge failed. The client goes on if it can: by WebRTC when
    /// WebTransport did not open, or to the token's next server. If it cannot, its last change of
    /// state follows, and [`Client::failure`] tells this failure.
    TransportFailed(TransportFailure),
}

/// What a client counts besides the protocol. Counters stop at `u32::MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Datagrams for which the browser had no room.
    pub unsent: u32,
    /// Messages from the bridge that are neither datagrams nor pieces of one.
    pub malformed: u32,
    /// Payloads that nobody took before [`INBOX_PAYLOADS`](crate::INBOX_PAYLOADS) others came.
    pub untaken: u32,
}

/// A client, connecting or connected.
///
/// It drives itself by the browser's timers and by what arrives, also while its page is hidden.
/// Each frame: drain [`receive`](Self::receive) and [`poll_event`](Self::poll_event), and
/// [`send`](Self::send). Dropping it disconnects, and so does leaving its page.
pub struct Client {
    shared: Rc<Shared>,
}

struct Shared {
    engine: RefCell<Engine>,
    notify: Option<Function>,
}

impl Shared {
    /// Does something to the engine and then what has become due. `notify` is called when the
    /// engine is free again: it may call the client.
    fn turn<R>(&self, work: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        let now = clock::now();
        let (result, news) = {
            let mut engine = self.engine.borrow_mut();
            let result = work(&mut engine, now);
            engine.transmit(now);
            (result, self.notify.is_some() && engine.take_news())
        };
        if news && let Some(notify) = &self.notify {
            // Whatever it throws is the application's, and not ours to handle.
            let _ = notify.call0(&JsValue::UNDEFINED);
        }
        result
    }
}

impl Listener for Shared {
    fn opened(&self) {
        self.turn(Engine::opened);
    }

    fn received(&self, message: &Uint8Array) {
        self.turn(|engine, now| engine.received(now, message));
    }

    fn failed(&self, cause: FailureCause, detail: String) {
        self.turn(|engine, now| engine.failed(now, cause, detail));
    }

    fn woken(&self) {
        self.turn(Engine::woken);
    }

    fn page_left(&self) {
        self.turn(Engine::leave_page);
    }
}

impl Client {
    /// Begins to connect with a token of 2048 bytes, which may be dropped afterwards. A token
    /// opens one session, once: a client that failed needs another.
    ///
    /// # Errors
    /// See [`ConnectError`]. Whatever fails later is told by [`poll_event`](Self::poll_event).
    pub fn connect(token: &[u8], options: &Options) -> Result<Self, ConnectError> {
        let kind = options.first().ok_or(ConnectError::NoTransport)?;
        let mut core = core::Client::new();
        let now = clock::now();
        core.connect(now, token).map_err(ConnectError::Token)?;
        let shared = Rc::new_cyclic(|shared| {
            let callbacks = Callbacks::new(shared);
            Shared {
                engine: RefCell::new(Engine::new(now, core, kind, options.clone(), callbacks)),
                notify: options.notify.clone(),
            }
        });
        shared.turn(|_, _| ());
        Ok(Self { shared })
    }

    /// Looks whether something is due. Timers do that too; this is for programs that know the
    /// time better, as when a frame was late.
    pub fn update(&mut self) {
        self.shared.turn(|_, _| ());
    }

    /// The next payload; `None` when there is no more.
    pub fn receive(&mut self) -> Option<Payload> {
        self.shared.engine.borrow_mut().take_payload()
    }

    /// Sends a payload of 1 to 1200 bytes to the server. More than
    /// [`max_payload`](Self::max_payload) travels in two pieces and is lost twice as easily.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] until the event that tells of
    /// [`Connected`](ClientState::Connected), and [`SendError::PayloadLength`]. That the payload
    /// was lost is no error, and is not known.
    pub fn send(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.shared.turn(|engine, now| engine.send(now, payload))
    }

    /// What happened next; `None` when that was all.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.engine.borrow_mut().take_event()
    }

    /// Ends the connection, or the attempt, and tells the server.
    pub fn disconnect(&mut self) {
        self.shared.turn(Engine::disconnect);
    }

    /// Where the client stands.
    pub fn state(&self) -> ClientState {
        self.shared.engine.borrow().state()
    }

    /// Whether payloads can be sent.
    pub fn is_connected(&self) -> bool {
        self.state() == ClientState::Connected
    }

    /// The server it talks to, or is trying.
    pub fn server_address(&self) -> Option<SocketAddr> {
        self.shared.engine.borrow().server_address()
    }

    /// The way to the bridge that is in use, or being tried.
    pub fn transport(&self) -> TransportKind {
        self.shared.engine.borrow().transport()
    }

    /// Why it ended, if its session with the bridge failed.
    pub fn failure(&self) -> Option<TransportFailure> {
        self.shared.engine.borrow().failure().cloned()
    }

    /// Whether its page was left, which disconnected it. A page can come back from the browser's
    /// back/forward cache; its client cannot.
    pub fn left_page(&self) -> bool {
        self.shared.engine.borrow().left_page()
    }

    /// The longest payload that travels in one piece now, bytes, at most 1200; zero while no
    /// session with the bridge is open.
    pub fn max_payload(&self) -> usize {
        self.shared.engine.borrow().max_payload()
    }

    /// What the connection has counted.
    pub fn stats(&self) -> ConnectionStats {
        self.shared.engine.borrow().stats()
    }

    /// Datagrams dropped, by reason.
    pub fn dropped(&self) -> DropCounts {
        self.shared.engine.borrow().dropped().clone()
    }

    /// What was lost on this side of the bridge.
    pub fn link_stats(&self) -> LinkStats {
        self.shared.engine.borrow().link_stats()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.disconnect();
    }
}
