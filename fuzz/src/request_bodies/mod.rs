//! Requests to the matchmaker, with bodies that are right, nearly right and wrong, from callers of
//! every role. The service never fails, every refusal is a problem body, a stored heartbeat is in
//! the list as it was sent, a token names the addresses of one server, which accepts clients and keeps
//! a slot for it, and a session's cookie is good until it is signed out, as it was given and not
//! otherwise.
//!
//! | file | contents |
//! | --- | --- |
//! | `accounts` | accounts and sessions |
//! | `bodies` | bodies of heartbeats and labels |

mod accounts;
mod bodies;

use std::cell::LazyCell;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use matchmaker::api;
use matchmaker::identity::{Accounts, ApiKey, Credentials, Identities};
use matchmaker::limits::{Limits, Rate};
use matchmaker::metrics::Metrics;
use matchmaker::mint::Mint;
use matchmaker::origin::TrustedProxies;
use matchmaker::placement::{Fleet, FleetConfig};
use matchmaker::service::Service;
use matchmaker::store::{Bridge, FileStore};
use netcode_core::crypto::Key;
use netcode_core::sealed::{DevicePublic, DeviceSecret, SEALED_TOKEN_BYTES, SealerSecret};
use netcode_core::standard::CONNECT_TOKEN_BYTES;
use netcode_core::{ProtocolId, Timeout};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use self::bodies::{any_heartbeat, any_labels, mostly, pick};
use crate::forge::choose;
use crate::memory_folder;
use crate::take_steps;

/// Requests of one run, at most.
const MOST_REQUESTS: usize = 24;
/// Longest body of an answer, bytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

const SILENT_AFTER: Duration = Duration::from_secs(3600);

/// Callers, each with a key: two players, two servers and an operator. The last has none.
const CALLERS: [&str; 6] = ["alice", "bob", "eu", "us", "operator", "stranger"];

/// Caller without a role: a visitor of the site, or a device.
const VISITOR: usize = 5;

thread_local! {
    static PARTS: LazyCell<Parts> = LazyCell::new(Parts::new);
}

/// Parts that services of all inputs share: none of them changes what a request is answered, except
/// that the name of an account can be taken.
struct Parts {
    runtime: Runtime,
    accounts: Arc<Accounts>,
    keys: Vec<ApiKey>,
    credentials: String,
}

impl Parts {
    fn new() -> Self {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // Each thread that hashed a password keeps the memory that this took.
        let runtime = runtime.max_blocking_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let accounts = Accounts::new(Arc::new(store())).expect("accounts");
        let accounts = Arc::new(accounts);
        let keys: Vec<_> = CALLERS
            .iter()
            .map(|_| ApiKey::generate().expect("a key"))
            .collect();
        let credentials = credentials(&keys);
        Self {
            runtime,
            accounts,
            keys,
            credentials,
        }
    }

    /// A service without servers.
    fn service(&self) -> Arc<Service> {
        let store = Arc::new(store());
        let credentials = Credentials::parse(&self.credentials).expect("credentials");
        let rate = Rate {
            burst: NonZeroU32::MAX,
            per_minute: NonZeroU32::MAX,
        };
        let fleet = FleetConfig {
            token_lifetime: Duration::from_secs(30),
            silent_after: SILENT_AFTER,
            alternatives: 0,
        };
        Arc::new(Service {
            placement: Arc::new(Fleet::new(store.clone(), fleet)),
            identities: Identities::new(vec![
                Arc::new(credentials.keys),
                Arc::clone(&self.accounts) as Arc<_>,
            ]),
            accounts: Some(Arc::clone(&self.accounts)),
            devices: credentials.devices,
            mint: Mint {
                protocol_id: ProtocolId(42),
                key: Key::from_bytes([7; 32]).into(),
                sealer: Some(SealerSecret::from_bytes([9; 32])),
                lifetime: Duration::from_secs(30),
                timeout: Timeout::from_secs(5),
            },
            limits: Limits::new(rate, rate),
            metrics: Metrics::default(),
            proxies: TrustedProxies::default(),
            origins: Vec::new(),
            bridge: Bridge::default(),
            silent_after: SILENT_AFTER,
            ending: AtomicBool::new(false),
            store,
        })
    }
}

/// An empty state. Its file has no name: a fuzzer's process ends without removing any.
fn store() -> FileStore {
    // In memory, since every change is written before it is answered.
    let folder = TempDir::new_in(memory_folder()).expect("a folder");
    FileStore::open(&folder.path().join("state")).expect("a file")
}

fn device() -> DevicePublic {
    DeviceSecret::from_bytes([3; 32]).public()
}

fn credentials(keys: &[ApiKey]) -> String {
    let mut text = format!(
        "[[device]]\nid = 7\npublic_key = \"{}\"\nclient_id = 3\n",
        hex::encode(device().as_bytes())
    );
    for ((name, key), id) in CALLERS.iter().zip(keys).zip(1..) {
        let role = match *name {
            "alice" | "bob" => format!("\"player\"\nclient_id = {id}"),
            "eu" | "us" => "\"server\"".to_owned(),
            "operator" => "\"admin\"".to_owned(),
            _ => continue,
        };
        let hash = key.hash();
        text += &format!("[[key]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nrole = {role}\n");
    }
    text
}

/// Runs one input.
pub fn request_bodies(data: &[u8]) {
    PARTS.with(|parts| {
        let mut world = World {
            routes: api::router(&parts.service()),
            parts,
            cookie: None,
            passwords: 0,
        };
        let mut input = Unstructured::new(data);
        take_steps(&mut input, MOST_REQUESTS, |input| world.step(input));
    });
}

/// A request of a caller, as a page of this site sends it.
struct Ask {
    caller: usize,
    method: &'static str,
    path: String,
    body: Vec<u8>,
    cookie: Option<String>,
}

impl Ask {
    fn new(caller: usize, method: &'static str, path: impl Into<String>, body: Vec<u8>) -> Self {
        Self {
            caller,
            method,
            path: path.into(),
            body,
            cookie: None,
        }
    }

    fn json(caller: usize, method: &'static str, path: impl Into<String>, body: &Value) -> Self {
        Self::new(caller, method, path, body.to_string().into_bytes())
    }
}

/// An answer, with the cookie that it sets.
struct Answer {
    status: StatusCode,
    cookie: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

struct World<'p> {
    parts: &'p Parts,
    routes: Router,
    /// Latest session, and the name of its account.
    cookie: Option<(String, &'static str)>,
    /// Passwords that were hashed, each of which takes long.
    passwords: u8,
}

impl World<'_> {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match choose(input, 7)? {
            0 | 1 => self.heartbeat(input),
            2 => self.connect(input),
            3 => self.device(input),
            4 => self.damaged(input),
            5 => self.account(input),
            _ => self.raw(input),
        }
    }

    /// A heartbeat of the right form, with any values.
    fn heartbeat(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let (name, body) = any_heartbeat(input)?;
        let caller = mostly(input, &[2], &[1, 3, 4, 5])?;
        let path = format!("/v1/servers/{name}");
        let answer = self.send(&Ask::json(caller, "PUT", path, &body));
        if answer.status == StatusCode::OK {
            let servers = self.servers();
            let stored = servers.iter().find(|server| server["id"] == name);
            let stored = &stored.expect("a stored heartbeat is in the list")["heartbeat"];
            for field in ["addresses", "capacity", "connected", "draining", "labels"] {
                assert_eq!(stored[field], body[field], "{field}");
            }
        }
        Ok(())
    }

    /// A player's request for a token.
    fn connect(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let caller = choose(input, 2)?.into();
        let body = json!({ "labels": any_labels(input)? });
        let answer = self.send(&Ask::json(caller, "POST", "/v1/connect", &body));
        if answer.status != StatusCode::OK {
            return Ok(());
        }
        let answer = answer.json();
        let token = answer["token"].as_str().expect("a token");
        let token = BASE64_STANDARD.decode(token).expect("base64");
        assert_eq!(token.len(), CONNECT_TOKEN_BYTES);
        assert_eq!(answer["clientId"], (caller + 1).to_string());
        self.check_servers(&answer["servers"]);
        Ok(())
    }

    /// The addresses in a token are those of a server that accepts clients and keeps a slot for it.
    fn check_servers(&self, addresses: &Value) {
        let servers = self.servers();
        let named = servers
            .iter()
            .find(|server| server["heartbeat"]["addresses"] == *addresses);
        let named = named.expect("a server with these addresses");
        assert_eq!(named["accepting"], true);
        let reserved = named["reserved"].as_u64().expect("a number");
        assert!(reserved >= 1, "no slot is kept for the token: {named}");
    }

    /// A device's request, perhaps of one that is not registered.
    fn device(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let key = match mostly(input, &[true], &[false])? {
            true => hex::encode(device().as_bytes()),
            false => hex::encode(input.arbitrary::<[u8; 32]>()?),
        };
        let body = json!({
            "deviceId": mostly(input, &["7"], &["8", "07", "-7", ""])?,
            "publicKey": key,
            "nonce": hex::encode(input.arbitrary::<[u8; 16]>()?),
            "labels": any_labels(input)?,
        });
        let answer = self.send(&Ask::json(VISITOR, "POST", "/v1/device/connect", &body));
        if answer.status == StatusCode::OK {
            assert_eq!(answer.body.len(), SEALED_TOKEN_BYTES);
        }
        Ok(())
    }

    /// A heartbeat with bytes replaced, inserted or cut off.
    fn damaged(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let (name, body) = any_heartbeat(input)?;
        let mut body = body.to_string().into_bytes();
        let at = usize::from(input.arbitrary::<u16>()?) % body.len();
        match choose(input, 3)? {
            0 => body.truncate(at),
            1 => body[at] = input.arbitrary()?,
            _ => {
                let more = input.arbitrary_len::<u8>()?.min(64);
                body.splice(at..at, input.bytes(more)?.iter().copied());
            }
        }
        self.send(&Ask::new(2, "PUT", format!("/v1/servers/{name}"), body));
        Ok(())
    }

    /// Bytes of the input, to any operation.
    fn raw(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let operations = [
            ("POST", "/v1/connect"),
            ("POST", "/v1/device/connect"),
            ("PUT", "/v1/servers/eu"),
            ("POST", "/v1/account"),
            ("POST", "/v1/session"),
            ("DELETE", "/v1/session"),
            ("GET", "/v1/session"),
            ("GET", "/v1/servers"),
        ];
        let (method, path) = pick(input, &operations)?;
        let caller = choose(input, 6)?.into();
        let len = usize::from(input.arbitrary::<u16>()?).min(input.len());
        let body = input.bytes(len)?.to_vec();
        self.send(&Ask::new(caller, method, path, body));
        Ok(())
    }

    fn servers(&self) -> Vec<Value> {
        let list = self.send(&Ask::new(4, "GET", "/v1/servers", Vec::new()));
        assert_eq!(list.status, StatusCode::OK);
        list.json()["servers"].as_array().expect("a list").clone()
    }

    /// The answer, which is checked as far as all answers are alike.
    fn send(&self, ask: &Ask) -> Answer {
        let key = &self.parts.keys[ask.caller];
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.path)
            .header(header::AUTHORIZATION, format!("Bearer {}", key.as_str()))
            .header(header::CONTENT_TYPE, "application/json")
            .header("sec-fetch-site", "same-origin")
            .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 5000))));
        if let Some(cookie) = &ask.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let request = request.body(Body::from(ask.body.clone()));
        let request = request.expect("a request");
        self.parts.runtime.block_on(async {
            let answer = self.routes.clone().oneshot(request).await.expect("served");
            let status = answer.status();
            let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
            let cookie = answer.headers().get(header::SET_COOKIE).cloned();
            let body = to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await;
            let body = body.expect("an answer within the limit").to_vec();
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
            if !status.is_success() {
                assert_eq!(kind.expect("a type"), "application/problem+json");
                let problem: Value = serde_json::from_slice(&body).expect("JSON");
                assert_eq!(problem["status"], status.as_u16());
                assert!(problem["code"].is_string());
            }
            let cookie = cookie.map(|it| it.to_str().expect("ASCII").to_owned());
            Answer {
                status,
                cookie,
                body,
            }
        })
    }
}
