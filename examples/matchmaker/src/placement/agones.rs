//! Placement by Agones, on Kubernetes: one `GameServerAllocation` for each token, created by the
//! REST interface of Kubernetes.
//!
//! Slots are a Counter of the game server (Agones, *Counters and Lists*), which the allocation
//! increments: Agones then does what reservations do elsewhere. The game server decrements it when
//! a player leaves, and when a token's lifetime has passed without its player. Allocated game
//! servers with a free slot are filled first, then one that is ready is allocated.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, Placed, Placement};
use crate::api::{Code, Refusal};

const TIMEOUT: Duration = Duration::from_secs(3);
/// Attempts while Agones answers that others changed the game server meanwhile.
const ATTEMPTS: usize = 3;

/// Settings of [`Agones`].
#[derive(Clone, Debug)]
pub struct AgonesConfig {
    /// Base URL of the Kubernetes interface: `https://kubernetes.default.svc`.
    pub url: String,
    /// Namespace of the game servers.
    pub namespace: String,
    /// Label selector, `agones.dev/fleet` as a rule.
    pub labels: BTreeMap<String, String>,
    /// Counter of taken slots.
    pub counter: String,
    /// Name of the UDP port. `None`: the first.
    pub port: Option<String>,
    /// File with the service account's token, read again for each request: it is renewed.
    pub token_file: Option<PathBuf>,
    /// File with the cluster's certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
}

/// Agones' allocator.
pub struct Agones {
    config: AgonesConfig,
    client: reqwest::Client,
    url: String,
}

impl Agones {
    /// Allocator of a cluster. Does not connect yet.
    ///
    /// # Errors
    /// A certificate authority that cannot be read.
    pub fn new(config: AgonesConfig) -> anyhow::Result<Self> {
        let mut client = reqwest::Client::builder().timeout(TIMEOUT);
        if let Some(file) = &config.ca_file {
            let authorities = reqwest::Certificate::from_pem_bundle(&std::fs::read(file)?)?;
            client = client.tls_certs_only(authorities);
        }
        let base = config.url.trim_end_matches('/');
        let namespace = &config.namespace;
        Ok(Self {
            url: format!(
                "{base}/apis/allocation.agones.dev/v1/namespaces/{namespace}/gameserverallocations"
            ),
            client: client.build()?,
            config,
        })
    }

    async fn allocate(&self, body: &Value) -> Result<Status, Refusal> {
        let unavailable = |cause: &dyn std::fmt::Display| Refusal::unavailable("Agones", cause);
        let mut request = self.client.post(&self.url).json(body);
        if let Some(file) = &self.config.token_file {
            let token = tokio::fs::read_to_string(file).await;
            request = request.bearer_auth(token.map_err(|error| unavailable(&error))?.trim());
        }
        let response = request.send().await.map_err(|error| unavailable(&error))?;
        let response = response.error_for_status();
        let response = response.map_err(|error| unavailable(&error))?;
        let allocation: Allocation = response.json().await.map_err(|error| unavailable(&error))?;
        Ok(allocation.status)
    }
}

/// Body of an allocation.
fn allocation(config: &AgonesConfig, labels: &BTreeMap<String, String>) -> Value {
    // The labels of the configuration win: a player cannot leave the fleet.
    let labels: BTreeMap<_, _> = labels.iter().chain(&config.labels).collect();
    let counter = &config.counter;
    let selector = |state: &str| {
        json!({
            "matchLabels": labels,
            "gameServerState": state,
            "counters": { counter: { "minAvailable": 1 } },
        })
    };
    json!({
        "apiVersion": "allocation.agones.dev/v1",
        "kind": "GameServerAllocation",
        "spec": {
            "scheduling": "Packed",
            "selectors": [selector("Allocated"), selector("Ready")],
            "priorities": [{ "type": "Counter", "key": counter, "order": "Ascending" }],
            "counters": { counter: { "action": "Increment", "amount": 1 } },
        },
    })
}

#[derive(Deserialize)]
struct Allocation {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    state: String,
    game_server_name: String,
    ports: Vec<Port>,
    address: String,
}

#[derive(Deserialize)]
struct Port {
    #[serde(default)]
    name: String,
    port: u16,
}

impl Status {
    /// Address of the game server's UDP port.
    async fn address(&self, port: Option<&str>) -> Result<SocketAddr, String> {
        let named = |it: &&Port| port.is_none_or(|name| it.name == name);
        let port = self.ports.iter().find(named);
        let port = port
            .ok_or_else(|| format!("{} has no such port", self.game_server_name))?
            .port;
        if let Ok(ip) = self.address.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, port));
        }
        // Some clouds give nodes a host name.
        let mut found = tokio::net::lookup_host((self.address.as_str(), port))
            .await
            .map_err(|error| format!("{}: {error}", self.address))?;
        found
            .next()
            .ok_or_else(|| format!("{} has no address", self.address))
    }
}

#[async_trait]
impl Placement for Agones {
    async fn place(&self, ask: &Ask) -> Result<Placed, Refusal> {
        let body = allocation(&self.config, &ask.labels);
        let wait = Duration::from_secs(5);
        for _ in 0..ATTEMPTS {
            let status = self.allocate(&body).await?;
            match status.state.as_str() {
                "Allocated" => {
                    let address = status.address(self.config.port.as_deref()).await;
                    let address =
                        address.map_err(|error| Refusal::unavailable("Agones", &error))?;
                    return Ok(Placed {
                        server: None,
                        addresses: vec![address.into()],
                        bridge: None,
                    });
                }
                "Contention" => {}
                "UnAllocated" => {
                    let detail = "no game server of the fleet has a free slot; try again";
                    return Err(Refusal::new(Code::NoFreeSlot, detail).retry_after(wait));
                }
                state => {
                    let cause = format!("allocation of unknown state {state:?}");
                    return Err(Refusal::unavailable("Agones", &cause));
                }
            }
        }
        let detail = "the fleet is changing; try again";
        Err(Refusal::new(Code::NoFreeSlot, detail).retry_after(Duration::from_secs(1)))
    }

    /// The game server itself decrements the counter, once the token's lifetime has passed without
    /// its player.
    async fn give_back(&self, _ask: &Ask, _placed: &Placed) {}
}
