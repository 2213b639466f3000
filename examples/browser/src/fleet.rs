//! Heartbeats to a web backend (`examples/matchmaker`), which sends players to this server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netcode_bridge::BridgeAddresses;
use serde_json::{Value, json};

use crate::arena::{Roster, SLOTS, lock};

const INTERVAL: Duration = Duration::from_secs(1);
/// Interval of checks for the request to stop.
const LOOK: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_secs(3);

/// This server, as the backend knows it.
pub(crate) struct Member {
    /// URL of this server at the backend.
    pub(crate) url: String,
    /// API key of this server.
    pub(crate) credential: String,
    pub(crate) server: SocketAddr,
    pub(crate) bridge: BridgeAddresses,
    pub(crate) roster: Roster,
}

impl Member {
    /// Sends heartbeats until told to stop, and then one that says that no more players may come.
    pub(crate) fn report(self, stop: Arc<AtomicBool>) -> Result<thread::JoinHandle<()>> {
        // The TLS library has no default of its own when several are linked.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let report = move || {
            runtime.block_on(async {
                while !stop.load(Ordering::Relaxed) {
                    self.beat(&http, false).await;
                    let mut waited = Duration::ZERO;
                    while waited < INTERVAL && !stop.load(Ordering::Relaxed) {
                        tokio::time::sleep(LOOK).await;
                        waited += LOOK;
                    }
                }
                self.beat(&http, true).await;
            });
        };
        thread::Builder::new()
            .name("fleet".into())
            .spawn(report)
            .context("cannot start a thread")
    }

    /// A heartbeat that is lost is followed by another.
    async fn beat(&self, http: &reqwest::Client, draining: bool) {
        let request = http.put(&self.url).bearer_auth(&self.credential);
        match request.json(&self.state(draining)).send().await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => {
                let status = answer.status();
                let problem = answer.text().await.unwrap_or_default();
                eprintln!("the backend refuses this server ({status}): {problem}");
            }
            Err(error) => eprintln!("the backend cannot be reached: {error}"),
        }
    }

    fn state(&self, draining: bool) -> Value {
        let clients: Vec<String> = lock(&self.roster).iter().map(u64::to_string).collect();
        let url = |scheme: &str, addresses: &[SocketAddr]| {
            let address = addresses.first()?;
            Some(format!("{scheme}://{address}"))
        };
        json!({
            "addresses": [self.server.to_string()],
            "capacity": SLOTS,
            "connected": clients.len(),
            "clients": clients,
            "draining": draining,
            "bridge": {
                "webtransport": url("https", &self.bridge.webtransport),
                "webrtc": url("http", &self.bridge.http),
                "certificateHashes": [BASE64_STANDARD.encode(self.bridge.certificate_hash)],
            },
        })
    }
}
