//! Entries for fuzzers, compiled with `--cfg fuzzing` alone: what strangers' bytes reach before, and
//! beside, the WebRTC library.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;

use super::config::BridgeConfig;
use super::context::Context;
use super::error::BridgeError;
use super::http::{offers, serve_request};
pub use super::webrtc::fuzzing::{FuzzedPaths, FuzzedRoutes, Taken, has_plaintext_alert, offered};
use super::webrtc::{Demux, Offers};

/// Turns of the runtime that a request has before its connection is closed.
const TURNS: usize = 64;

/// Bytes that a connection holds in each direction.
const PIPE_BYTES: usize = 64 * 1024;

/// HTTP port for offers, without sockets: connections are pipes.
pub struct FuzzedOffers {
    routes: axum::Router,
    runtime: Runtime,
}

impl FuzzedOffers {
    /// Port of a bridge with this configuration.
    ///
    /// # Errors
    /// See [`BridgeError`].
    pub fn new(config: BridgeConfig) -> Result<Self, BridgeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(BridgeError::Threads)?;
        let entered = runtime.enter();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let demux = Arc::new(Demux::bind(address, &[])?);
        let (events, _) = sync_channel(1);
        let context = Arc::new(Context::new(config, events));
        let answers = Offers::new(context, vec![demux])?;
        drop(entered);
        Ok(Self {
            routes: offers(Arc::new(answers)),
            runtime,
        })
    }

    /// Bytes that a connection from `from` gets for the bytes that it sends.
    pub fn converse(&self, from: SocketAddr, sent: &[u8]) -> Vec<u8> {
        let connected_from = axum::extract::ConnectInfo(from);
        let routes = self.routes.clone().layer(axum::Extension(connected_from));
        self.runtime.block_on(async {
            let (mut ours, theirs) = tokio::io::duplex(PIPE_BYTES);
            let served = tokio::spawn(serve_request(theirs, routes));
            // More than the pipe holds is lost, as with a peer that does not read.
            let short = sent.get(..PIPE_BYTES).unwrap_or(sent);
            let _ = ours.write_all(short).await;
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            let _ = ours.shutdown().await;
            let mut answer = Vec::new();
            let _ = ours.read_to_end(&mut answer).await;
            let panicked = served.await.is_err();
            assert!(!panicked, "a connection's task panicked");
            answer
        })
    }
}

impl std::fmt::Debug for FuzzedOffers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FuzzedOffers").finish_non_exhaustive()
    }
}
