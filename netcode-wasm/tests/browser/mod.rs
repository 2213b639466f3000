//! Support of the tests in a page and in a worker, and the tests that are the same in both.

#[path = "../../examples/ecs.rs"]
#[allow(dead_code, reason = "the example's `main`")]
mod ecs;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Function, Promise, Reflect};
use netcode_wasm::core::client::ConnectError as TokenRefused;
use netcode_wasm::core::crypto::{Key, SessionKeys};
use netcode_wasm::core::standard::CONNECT_TOKEN_BYTES;
use netcode_wasm::core::token::{ConnectToken, TokenError, TokenSpec, mint_with};
use netcode_wasm::core::{ClientId, ProtocolId, Timeout, TokenNonce, UnixTime};
use netcode_wasm::javascript::{CauseName, Connection, ConnectionEvent, State, TransportName};
use netcode_wasm::{
    Client, ClientState, ConnectError, Event, FailureCause, Options, SendError, TransportFailure,
    TransportKind,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

/// No listener, on a port that browsers block.
pub(crate) const NO_BRIDGE: &str = "https://127.0.0.1:1";

/// Waits in the place of `Options::notify`.
#[derive(Clone, Default)]
struct Bell {
    waiter: Rc<RefCell<Option<Function>>>,
}

impl Bell {
    fn function(&self) -> Function {
        let waiter = Rc::clone(&self.waiter);
        let ring = Closure::<dyn FnMut()>::new(move || {
            if let Some(resolve) = waiter.take() {
                resolve.call0(&JsValue::UNDEFINED).unwrap();
            }
        });
        ring.into_js_value().unchecked_into()
    }

    async fn rung(&self) {
        let promise = Promise::new(&mut |resolve: Function, _: Function| {
            self.waiter.replace(Some(resolve));
        });
        JsFuture::from(promise).await.unwrap();
    }
}

/// A client whose events can be awaited.
pub(crate) struct Watched {
    pub(crate) client: Client,
    bell: Bell,
}

impl Watched {
    pub(crate) fn connect(servers: &[&str], mut options: Options) -> Self {
        let bell = Bell::default();
        options.notify = Some(bell.function());
        let client = Client::connect(&token(servers), &options).unwrap();
        Self { client, bell }
    }

    pub(crate) async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.client.next_event() {
                return event;
            }
            self.bell.rung().await;
        }
    }

    fn server(&self) -> Option<SocketAddr> {
        self.client.with_core(|core| core.server_address())
    }

    pub(crate) async fn failure(&mut self) -> TransportFailure {
        loop {
            if let Event::TransportFailed(failure) = self.event().await {
                return failure;
            }
        }
    }

    pub(crate) async fn end(&mut self) -> ClientState {
        loop {
            match self.event().await {
                Event::StateChanged(state) if !state.is_active() => return state,
                _ => {}
            }
        }
    }
}

pub(crate) fn token(servers: &[&str]) -> ConnectToken {
    let addresses: Vec<SocketAddr> = servers.iter().map(|it| it.parse().unwrap()).collect();
    let created = UnixTime::from_secs(1_800_000_000);
    let spec = TokenSpec::new(ProtocolId(1), ClientId(7), &addresses, created)
        .with_lifetime(Duration::from_secs(30))
        .with_timeout(Timeout::from_secs(15));
    let keys = SessionKeys {
        client_to_server: Key::from_bytes([1; 32]),
        server_to_client: Key::from_bytes([2; 32]),
    };
    let mut token = ConnectToken::new();
    let key = Key::from_bytes([3; 32]);
    mint_with(&spec, &key, &keys, TokenNonce([4; 24]), &mut token).unwrap();
    token
}

pub(crate) fn webtransport() -> Options {
    Options::new(NO_BRIDGE).only(TransportKind::WebTransport)
}

/// Takes something away from the global scope; gives it back when dropped.
pub(crate) struct Without {
    name: &'static str,
    value: JsValue,
}

impl Without {
    pub(crate) fn global(name: &'static str) -> Self {
        let value = Reflect::get(&js_sys::global(), &name.into()).unwrap();
        Reflect::set(&js_sys::global(), &name.into(), &JsValue::UNDEFINED).unwrap();
        Self { name, value }
    }
}

impl Drop for Without {
    fn drop(&mut self) {
        Reflect::set(&js_sys::global(), &self.name.into(), &self.value).unwrap();
    }
}

#[wasm_bindgen_test]
fn bytes_that_are_no_token_are_refused_with_the_reason() {
    let refused = Client::connect(&[0; 7], &webtransport()).err();
    let reason = TokenRefused::Token(TokenError::Length { len: 7 });
    assert_eq!(refused, Some(ConnectError::Token(reason)));
    let refused = Client::connect(&[0; CONNECT_TOKEN_BYTES], &webtransport()).err();
    let reason = TokenRefused::Token(TokenError::Version);
    assert_eq!(refused, Some(ConnectError::Token(reason)));
}

#[wasm_bindgen_test]
fn options_without_a_bridge_are_refused() {
    let token = token(&["192.0.2.1:40000"]);
    let refused = Client::connect(&token, &Options::default()).err();
    assert_eq!(refused, Some(ConnectError::NoTransport));
}

#[wasm_bindgen_test]
fn nothing_can_be_sent_before_the_connection_stands() {
    let token = token(&["192.0.2.1:40000"]);
    let mut client = Client::connect(&token, &webtransport()).unwrap();
    assert_eq!(client.state(), ClientState::SendingConnectionRequest);
    assert_eq!(client.send(&[1]), Ok(false));
    let refused = client.send(&[0; 1201]);
    assert_eq!(refused, Err(SendError::PayloadLength { len: 1201 }));
    assert_eq!(client.max_payload(), 0);
}

#[wasm_bindgen_test]
async fn a_bridge_that_cannot_be_reached_ends_the_attempt_at_once() {
    let mut watched = Watched::connect(&["192.0.2.1:40000"], webtransport());
    let failure = watched.failure().await;
    assert_eq!(failure.transport, TransportKind::WebTransport);
    assert_eq!(failure.cause, FailureCause::NotOpened);
    assert!(!failure.detail.is_empty());
    let end = watched.end().await;
    assert_eq!(end, ClientState::ConnectionRequestTimedOut);
    assert_eq!(watched.client.failure(), Some(failure));
}

#[wasm_bindgen_test]
async fn each_of_a_token_s_servers_is_asked_for() {
    let servers = ["192.0.2.1:40000", "[2001:db8::1]:40000"];
    let mut watched = Watched::connect(&servers, webtransport());
    watched.failure().await;
    assert_eq!(watched.server(), servers[1].parse().ok());
    assert_eq!(watched.client.failure(), None);
    watched.failure().await;
    watched.end().await;
    assert_eq!(watched.server(), None);
}

#[wasm_bindgen_test]
async fn without_webtransport_the_browser_is_said_to_lack_it() {
    let missing = Without::global("WebTransport");
    let mut watched = Watched::connect(&["192.0.2.1:40000"], webtransport());
    drop(missing);
    assert_eq!(watched.failure().await.cause, FailureCause::Missing);
}

#[wasm_bindgen_test]
async fn closing_while_opening_ends_in_silence() {
    let mut watched = Watched::connect(&["192.0.2.1:40000"], webtransport());
    watched.client.disconnect();
    assert_eq!(watched.end().await, ClientState::Disconnected);
    // The session's own end comes later, when its listener is gone.
    let mut other = Watched::connect(&["192.0.2.1:40000"], webtransport());
    other.failure().await;
    assert_eq!(watched.client.next_event(), None);
    assert_eq!(watched.client.failure(), None);
}

#[wasm_bindgen_test]
async fn a_client_is_a_component_of_a_world_whose_components_have_to_be_send_and_sync() {
    let bell = Bell::default();
    let mut options = webtransport();
    options.notify = Some(bell.function());
    let mut world = hecs::World::new();
    ecs::connect(&mut world, &token(&["192.0.2.1:40000"]), &options).unwrap();
    let mut notices = Vec::new();
    while !world.is_empty() {
        ecs::receive(&mut world);
        ecs::send(&mut world, &[1]).unwrap();
        let inboxes = world.query_mut::<&ecs::Inbox>().into_iter();
        notices.extend(inboxes.map(|inbox| inbox.notice.clone()));
        ecs::remove_ended(&mut world);
        if !world.is_empty() {
            bell.rung().await;
        }
    }
    let end = ClientState::ConnectionRequestTimedOut.to_string();
    assert_eq!(notices.last(), Some(&end));
}

#[wasm_bindgen_test]
async fn a_client_may_be_dropped_when_it_is_notified() {
    let slot: Rc<RefCell<Option<Client>>> = Rc::default();
    let bell = Bell::default();
    let (inner, ring) = (Rc::clone(&slot), bell.function());
    let notify = Closure::<dyn FnMut()>::new(move || {
        let client = inner.take();
        if client.is_some_and(|client| client.failure().is_some()) {
            ring.call0(&JsValue::UNDEFINED).unwrap();
        }
    });
    let mut options = webtransport();
    options.notify = Some(notify.as_ref().unchecked_ref::<Function>().clone());
    let client = Client::connect(&token(&["192.0.2.1:40000"]), &options).unwrap();
    slot.replace(Some(client));
    bell.rung().await;
    assert!(slot.borrow().is_none());
}

#[wasm_bindgen_test]
async fn javascript_gets_the_states_and_the_failure_in_their_order() {
    let token = token(&["192.0.2.1:40000"]);
    let bell = Bell::default();
    let url = Some(NO_BRIDGE.to_owned());
    let mut connection = Connection::new(&token, url, None, &[], bell.function()).unwrap();
    let state = |event| match event {
        Some(ConnectionEvent::StateChange(change)) => Some(change.state),
        _ => None,
    };
    let first = state(connection.next_event());
    assert_eq!(first, Some(State::SendingConnectionRequest));
    assert!(connection.next_event().is_none());
    bell.rung().await;
    let Some(ConnectionEvent::Failure(failure)) = connection.next_event() else {
        panic!("the failure comes first");
    };
    assert_eq!(failure.transport(), TransportName::WebTransport);
    assert_eq!(failure.cause(), CauseName::NotOpened);
    assert_eq!(failure.close_code(), 0);
    assert!(
        failure
            .message()
            .starts_with("webtransport could not be opened")
    );
    let end = state(connection.next_event());
    assert_eq!(end, Some(State::ConnectionRequestTimedOut));
    assert!(connection.ended_by_failure());
    assert_eq!(connection.stats().payloads_received, 0.0);
    assert_eq!(connection.dropped().to_string(), "[object Object]");
}
