//! The service on a port of its own, and what a caller of it needs.

pub mod programs;
pub mod redis;

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use matchmaker::api;
use matchmaker::identity::{Accounts, ApiKey, ApiKeys, Credentials, Devices, Identities, Identity};
use matchmaker::limits::{Limits, Rate};
use matchmaker::metrics::Metrics;
use matchmaker::mint::Mint;
use matchmaker::origin::TrustedProxies;
use matchmaker::placement::{Fleet, FleetConfig, Placement};
use matchmaker::serve::serve;
use matchmaker::service::Service;
use matchmaker::store::{Bridge, FileStore, Heartbeat, Store};
use netcode_std::core::sealed::SealerSecret;
use netcode_std::{Key, ProtocolId, Timeout};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub const PROTOCOL_ID: ProtocolId = ProtocolId(0x6d61_7463_6865);
pub const KEY: Key = Key::from_bytes([7; 32]);
pub const LIFETIME: Duration = Duration::from_secs(30);
pub const SILENT_AFTER: Duration = Duration::from_secs(60);

/// Longer than anything here takes on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Secret keys of the credentials in [`Setup::credentials`].
pub struct Keys {
    pub player: ApiKey,
    pub other: ApiKey,
    pub server: ApiKey,
    pub admin: ApiKey,
}

/// Settings of a service under test.
pub struct Setup {
    pub store: Arc<dyn Store>,
    pub placement: Option<Arc<dyn Placement>>,
    pub identities: Vec<Arc<dyn Identity>>,
    pub devices: Devices,
    pub account_burst: u32,
    pub address_burst: u32,
    pub alternatives: usize,
}

impl Setup {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            placement: None,
            identities: Vec::new(),
            devices: Devices::default(),
            account_burst: 10_000,
            address_burst: 10_000,
            alternatives: 0,
        }
    }

    pub async fn start(self) -> World {
        World::start(self).await
    }
}

pub fn sealer() -> SealerSecret {
    SealerSecret::from_bytes([9; 32])
}

pub fn file_store(folder: &TempDir) -> Arc<dyn Store> {
    Arc::new(FileStore::open(&folder.path().join("state")).unwrap())
}

/// A running service.
pub struct World {
    pub url: String,
    pub keys: Keys,
    pub http: reqwest::Client,
    pub service: Arc<Service>,
    pub stop: Option<oneshot::Sender<()>>,
    pub ended: tokio::task::JoinHandle<anyhow::Result<()>>,
    _folder: Option<TempDir>,
}

impl World {
    /// A service with state in a file of its own.
    pub async fn with_file() -> Self {
        let folder = TempDir::new().unwrap();
        let mut world = Setup::new(file_store(&folder)).start().await;
        world._folder = Some(folder);
        world
    }

    async fn start(setup: Setup) -> Self {
        let key = || ApiKey::generate().unwrap();
        let keys = Keys {
            player: key(),
            other: key(),
            server: key(),
            admin: key(),
        };
        let rate = |burst| Rate {
            burst: NonZeroU32::new(burst).unwrap(),
            per_minute: NonZeroU32::new(1).unwrap(),
        };
        let fleet = FleetConfig {
            token_lifetime: LIFETIME,
            silent_after: SILENT_AFTER,
            alternatives: setup.alternatives,
        };
        let fleet = || Arc::new(Fleet::new(Arc::clone(&setup.store), fleet.clone()));
        let mut identities: Vec<Arc<dyn Identity>> = vec![Arc::new(api_keys(&keys))];
        identities.extend(setup.identities);
        let accounts = Arc::new(Accounts::new(Arc::clone(&setup.store)).unwrap());
        identities.push(Arc::clone(&accounts) as Arc<dyn Identity>);
        let service = Arc::new(Service {
            accounts: Some(accounts),
            placement: setup.placement.unwrap_or_else(|| fleet()),
            identities: Identities::new(identities),
            devices: setup.devices,
            mint: Mint {
                protocol_id: PROTOCOL_ID,
                key: KEY.into(),
                sealer: Some(sealer()),
                lifetime: LIFETIME,
                timeout: Timeout::from_secs(5),
            },
            limits: Limits::new(rate(setup.account_burst), rate(setup.address_burst)),
            metrics: Metrics::default(),
            proxies: TrustedProxies::default(),
            origins: vec!["https://game.example".parse().unwrap()],
            bridge: Bridge {
                webtransport: Some("https://bridge.example:4433".into()),
                ..Bridge::default()
            },
            silent_after: SILENT_AFTER,
            ending: AtomicBool::new(false),
            store: setup.store,
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let routes = api::router(&service);
        let served = serve(
            listener,
            None,
            routes,
            Arc::clone(&service),
            stopped,
            Duration::ZERO,
        );
        Self {
            url,
            keys,
            http: client(),
            service,
            stop: Some(stop),
            ended: tokio::spawn(served),
            _folder: None,
        }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub fn ask(&self, key: &ApiKey) -> reqwest::RequestBuilder {
        self.request("POST", "/v1/connect")
            .bearer_auth(key.as_str())
            .json(&json!({}))
    }

    pub fn beat(&self, id: &str, heartbeat: &Value) -> reqwest::RequestBuilder {
        self.request("PUT", &format!("/v1/servers/{id}"))
            .bearer_auth(self.keys.server.as_str())
            .json(heartbeat)
    }

    /// Sends the heartbeat of a server and expects that it is stored.
    pub async fn register(&self, id: &str, address: SocketAddr, capacity: u32) {
        let body = json!({
            "addresses": [address.to_string()], "capacity": capacity, "connected": 0,
        });
        let response = self.beat(id, &body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }

    pub async fn servers(&self) -> Value {
        let list = self.request("GET", "/v1/servers");
        let list = list.bearer_auth(self.keys.admin.as_str()).send().await;
        list.unwrap().json().await.unwrap()
    }
}

/// A client that takes no proxy from the environment.
pub fn client() -> reqwest::Client {
    use_crypto();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Installs the provider that TLS libraries use.
pub fn use_crypto() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn api_keys(keys: &Keys) -> ApiKeys {
    let entry = |name: &str, role: &str, key: &ApiKey, more: &str| {
        let hash = key.hash();
        format!("[[key]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{hash}\"\n{more}\n")
    };
    let text = [
        entry("alice", "player", &keys.player, "client_id = 7"),
        entry("bob", "player", &keys.other, "client_id = 8"),
        entry("eu", "server", &keys.server, ""),
        entry("operator", "admin", &keys.admin, ""),
    ];
    Credentials::parse(&text.concat()).unwrap().keys
}

/// The token of an answer to `POST /v1/connect`.
pub fn token(body: &Value) -> Vec<u8> {
    BASE64_STANDARD
        .decode(body["token"].as_str().unwrap())
        .unwrap()
}

/// Heartbeat of a server at a port of this machine.
pub fn heartbeat(port: u16, capacity: u32, connected: u32) -> Heartbeat {
    Heartbeat {
        addresses: vec![SocketAddr::new([127, 0, 0, 1].into(), port)],
        internal_addresses: Vec::new(),
        capacity,
        connected,
        clients: Vec::new(),
        draining: false,
        labels: std::collections::BTreeMap::new(),
        bridge: None,
    }
}

/// Serves routes of another service that the one under test asks.
pub fn site(
    listener: tokio::net::TcpListener,
    routes: axum::Router,
) -> tokio::task::JoinHandle<Result<(), std::io::Error>> {
    let listener = listener.into_std().unwrap();
    let server = axum_server::from_tcp(listener).unwrap();
    tokio::spawn(server.serve(routes.into_make_service()))
}
