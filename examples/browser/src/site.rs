//! The web server: the page, the npm package, and the endpoint that hands out tokens.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use netcode_bridge::BridgeAddresses;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_http::services::ServeDir;

use crate::tokens::Mint;

/// Interval of checks for the request to stop.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) struct Site {
    listener: TcpListener,
    address: SocketAddr,
    files: ServeDir,
}

#[derive(Clone)]
struct Endpoint {
    mint: Arc<Mint>,
    bridge: Arc<BridgeAddresses>,
}

impl Site {
    pub(crate) fn bind(address: SocketAddr, package: &Path) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .with_context(|| format!("cannot serve the page at {address}; try --port 0"))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            files: ServeDir::new(package),
        })
    }

    pub(crate) fn announce(
        &self,
        json: bool,
        server: SocketAddr,
        bridge: &BridgeAddresses,
    ) -> Result<()> {
        let url = format!("http://{}/", self.address);
        if json {
            let server = server.to_string();
            println!(
                "{}",
                json!({ "event": "listening", "page": url, "server": server })
            );
            return Ok(());
        }
        let webtransport = bridge.webtransport.first().context("no WebTransport")?;
        let webrtc = bridge.rtc.first().context("no WebRTC")?;
        println!("dedicated server  {server} (UDP)");
        println!("bridge            {webtransport} (WebTransport), {webrtc} (WebRTC)");
        println!("\nOpen {url} in a browser; Ctrl-C ends.");
        println!("A desktop joins with: curl -so t {url}token.bin && netcode client t");
        Ok(())
    }

    /// Serves until it is told to stop.
    pub(crate) fn serve(
        self,
        bridge: BridgeAddresses,
        mint: Arc<Mint>,
        stop: &AtomicBool,
    ) -> Result<()> {
        let endpoint = Endpoint {
            mint,
            bridge: Arc::new(bridge),
        };
        let routes = Router::new()
            .route(
                "/",
                get(|| async { Html(include_str!("../page/index.html")) }),
            )
            .route(
                "/style.css",
                text("text/css", include_str!("../page/style.css")),
            )
            .route("/main.js", script(include_str!("../page/main.js")))
            .route("/arena.js", script(include_str!("../page/arena.js")))
            .route("/meters.js", script(include_str!("../page/meters.js")))
            .route("/token", post(token))
            .route("/token.bin", get(token_file))
            .with_state(endpoint)
            .nest_service("/netcode-wasm", self.files);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            tokio::select! {
                served = axum::serve(listener, routes) => served?,
                () = until_stopped(stop) => {}
            }
            Ok(())
        })
    }
}

async fn until_stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(LOOK).await;
    }
}

fn script(source: &'static str) -> axum::routing::MethodRouter<Endpoint> {
    text("text/javascript", source)
}

fn text(kind: &'static str, source: &'static str) -> axum::routing::MethodRouter<Endpoint> {
    get(move || async move { ([(header::CONTENT_TYPE, kind)], source) })
}

/// Body of a request for a token.
#[derive(Deserialize)]
struct TokenRequest {
    /// Number that the tab has drawn, and keeps when it is loaded again. Anybody can claim any: a
    /// real endpoint knows its visitors.
    visitor: u32,
}

/// Data a page needs to connect. A real endpoint authenticates the player; the response lets its
/// holder connect as that player, so it travels over HTTPS alone.
async fn token(State(endpoint): State<Endpoint>, Json(request): Json<TokenRequest>) -> Response {
    let Ok(token) = endpoint.mint.for_visitor(request.visitor) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    Json(json!({
        "token": BASE64_STANDARD.encode(token),
        "bridge": {
            "webtransport": url("https", &endpoint.bridge.webtransport),
            "webrtc": url("http", &endpoint.bridge.http),
        },
        "certificateHashes": [BASE64_STANDARD.encode(endpoint.bridge.certificate_hash)],
    }))
    .into_response()
}

fn url(scheme: &str, addresses: &[SocketAddr]) -> Value {
    match addresses.first() {
        Some(address) => format!("{scheme}://{address}").into(),
        None => Value::Null,
    }
}

/// The bare token, for `netcode client`.
async fn token_file(State(endpoint): State<Endpoint>) -> Response {
    match endpoint.mint.for_desktop() {
        Ok(token) => token.to_vec().into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
