//! Client for engines in Rust.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use js_sys::{Function, Uint8Array};
use netcode_core::client::{self as core, ClientState};
use netcode_core::{Instant, SendError};
use wasm_bindgen::JsValue;

use crate::clock;
use crate::engine::Engine;
use crate::events::Event;
use crate::failure::{FailureCause, TransportFailure, TransportKind};
use crate::options::Options;
use crate::stats::LinkStats;
use crate::transport::{Callbacks, Listener};

/// Reason why a client cannot begin to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The token cannot be used.
    Token(core::ConnectError),
    /// The options name no bridge.
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

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The text of what is wrapped is in ours: its own source is the next one.
        match self {
            Self::Token(error) => error.source(),
            Self::NoTransport => None,
        }
    }
}

/// Client, connecting or connected.
///
/// It drives itself by the browser's timers and by what arrives, also while its page is hidden.
/// Each frame: drain [`next_event`](Self::next_event), then [`send`](Self::send). Dropping it
/// disconnects, and so does leaving its page.
pub struct Client {
    shared: Rc<Shared>,
}

struct Shared {
    engine: RefCell<Engine>,
    notify: Option<Function>,
}

impl Shared {
    /// Applies `work` to the engine, then ends the turn. `notify` is called last, when
    /// the engine is no longer borrowed: it may call the client.
    fn turn<R>(&self, work: impl FnOnce(&mut Engine, Instant) -> R) -> R {
        let now = clock::now();
        let (result, has_news) = {
            let mut engine = self.engine.borrow_mut();
            let result = work(&mut engine, now);
            engine.end_turn(now);
            (result, engine.events().take_news())
        };
        if has_news && let Some(notify) = &self.notify {
            // An exception in the application's function is the application's to handle.
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
    /// Begins to connect with a token of 2048 bytes, which need not be kept. A token opens one
    /// session, once: to connect again, get another.
    ///
    /// # Errors
    /// See [`ConnectError`]. Later failures are events.
    pub fn connect(token: &[u8], options: &Options) -> Result<Self, ConnectError> {
        let transport = options.first().ok_or(ConnectError::NoTransport)?;
        let mut core = core::Client::new();
        let now = clock::now();
        core.connect(now, token).map_err(ConnectError::Token)?;
        let shared = Rc::new_cyclic(|shared| {
            let callbacks = Callbacks::new(shared);
            let engine = Engine::new(now, core, transport, options.clone(), callbacks);
            Shared {
                engine: RefCell::new(engine),
                notify: options.notify.clone(),
            }
        });
        shared.turn(|_, _| ());
        Ok(Self { shared })
    }

    /// Next event; `None` when there is no more. Call until `None`, every frame.
    ///
    /// Events come in the order in which they became true: payloads after the change to
    /// [`Connected`](ClientState::Connected), and none after the end. At most
    /// [`INBOX_PAYLOADS`](crate::INBOX_PAYLOADS) payloads wait; other events are never dropped.
    pub fn next_event(&mut self) -> Option<Event> {
        self.shared.engine.borrow_mut().events().pop()
    }

    /// Sends a payload of 1 to 1200 bytes to the server. `false`: the client is not connected, and
    /// nothing was sent. That the network loses it is no error. A payload longer than
    /// [`max_payload`](Self::max_payload) travels in two fragments and is lost if either is.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send(&mut self, payload: &[u8]) -> Result<bool, SendError> {
        self.shared.turn(|engine, now| engine.send(now, payload))
    }

    /// Sends due datagrams and evaluates timeouts. The client's timer does the same; this is for
    /// programs whose frames come earlier than a timer that the browser delays.
    pub fn update(&mut self) {
        self.shared.turn(|_, _| ());
    }

    /// Ends the session or the attempt, and sends the server disconnect packets.
    pub fn disconnect(&mut self) {
        self.shared.turn(Engine::disconnect);
    }

    /// State of the client.
    pub fn state(&self) -> ClientState {
        self.with_core(core::Client::state)
    }

    /// `true` while payloads can be sent.
    pub fn is_connected(&self) -> bool {
        self.state() == ClientState::Connected
    }

    /// Access to the core for `read`: the server's address, the slot, counters.
    ///
    /// A function and no reference, because the browser changes the core between two turns of its
    /// event loop.
    pub fn with_core<R>(&self, read: impl FnOnce(&core::Client) -> R) -> R {
        read(self.shared.engine.borrow().core())
    }

    /// Transport to the bridge that is in use, or being tried.
    pub fn transport(&self) -> TransportKind {
        self.shared.engine.borrow().transport()
    }

    /// Failure of the transport that ended the client; `None` if it has not ended, or for another
    /// reason.
    pub fn failure(&self) -> Option<TransportFailure> {
        self.shared.engine.borrow().failure().cloned()
    }

    /// `true` if the client was disconnected because its page was left. A page can return from the
    /// browser's back/forward cache; its client does not.
    pub fn left_page(&self) -> bool {
        self.shared.engine.borrow().left_page()
    }

    /// Length in bytes of the longest payload that travels in one piece, at most 1200; 0 while no
    /// session with the bridge is open.
    pub fn max_payload(&self) -> usize {
        self.shared.engine.borrow().max_payload()
    }

    /// Counters of the way between client and bridge.
    pub fn link_stats(&self) -> LinkStats {
        self.shared.engine.borrow().link_stats()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.disconnect();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state())
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}
