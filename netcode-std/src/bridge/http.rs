//! What a bridge answers over HTTP: offers for WebRTC, and its counters.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use netcode_core::bridge::{CloseCode, PATH_PREFIX};
use rustls::ServerConfig;
use tower_http::cors::{Any, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;

use super::certificate::Loaded;
use super::context::{Context, Visitor};
use super::error::BridgeError;
use super::event::Transport;
use super::webrtc::{Offers, Unanswered};

/// A browser's offer of one data channel takes about a kilobyte.
const MAX_OFFER_BYTES: usize = 16 * 1024;

/// How long a connection may take to ask for something.
const FIRST_REQUEST: Duration = Duration::from_secs(10);

/// How TLS is spoken under `certificate`.
pub(super) fn tls_config(certificate: &Loaded) -> Result<Arc<ServerConfig>, BridgeError> {
    Ok(Arc::new(certificate.server_config(&[b"http/1.1"])?))
}

/// A listener for [`serve`], and the address it has.
pub(super) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BridgeError> {
    let bind = || {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        if address.is_ipv6() {
            // IPv4 has a socket of its own.
            socket.set_only_v6(true)?;
        }
        // A bridge that restarts finds its port still warm.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        let listener = TcpListener::from(socket);
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|error| BridgeError::Listen { address, error })
}

/// Serves `routes` until `handle` says stop; over TLS if there is any.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Router,
    tls: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
) {
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    // An error ends the listener alone; WebTransport goes on.
    let _ = match tls {
        Some(tls) => match axum_server::from_tcp_rustls(listener, tls) {
            Ok(server) => {
                let server = server.handle(handle).first_request_timeout(FIRST_REQUEST);
                server.serve(service).await
            }
            Err(error) => Err(error),
        },
        None => match axum_server::from_tcp(listener) {
            Ok(server) => {
                let server = server.handle(handle).first_request_timeout(FIRST_REQUEST);
                server.serve(service).await
            }
            Err(error) => Err(error),
        },
    };
}

/// Takes offers. Any page may ask; whether its origin is served is ours to say, in words that it
/// can read.
pub(super) fn offers(offers: Arc<Offers>) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .max_age(Duration::from_secs(3600));
    Router::new()
        .route(&format!("{PATH_PREFIX}{{*server}}"), post(answer))
        .layer(RequestBodyLimitLayer::new(MAX_OFFER_BYTES))
        .layer(cors)
        .with_state(offers)
}

async fn answer(
    State(offers): State<Arc<Offers>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    offer: String,
) -> Response {
    // In a task of its own: what a stranger's offer may break is that task.
    let answered = tokio::spawn(async move {
        let origin = headers.get(header::ORIGIN);
        let visitor = Visitor {
            transport: Transport::WebRtc,
            client,
            origin: origin.and_then(|origin| origin.to_str().ok()),
            path: uri.path(),
        };
        offers.answer(&visitor, &offer).await
    });
    match answered.await.unwrap_or(Err(Unanswered::BadOffer)) {
        Ok(answer) => {
            let sdp = [(header::CONTENT_TYPE, "application/sdp")];
            (StatusCode::CREATED, sdp, answer).into_response()
        }
        Err(Unanswered::Refused(code)) => refusal(code),
        Err(Unanswered::BadOffer) => {
            let text = "not an SDP offer of one data channel";
            (StatusCode::BAD_REQUEST, text).into_response()
        }
    }
}

fn refusal(code: CloseCode) -> Response {
    let status = match code {
        CloseCode::ServerNotAllowed | CloseCode::OriginNotAllowed => StatusCode::FORBIDDEN,
        CloseCode::TooManyFromAddress => StatusCode::TOO_MANY_REQUESTS,
        CloseCode::Unavailable => StatusCode::BAD_GATEWAY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = serde_json::json!({
        "code": code.number(), "name": code.name(), "reason": code.as_str(),
    });
    (status, axum::Json(body)).into_response()
}

/// Shows the counters to Prometheus.
pub(super) fn metrics(context: Arc<Context>) -> Router {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = move |State(context): State<Arc<Context>>| async move {
        ([(header::CONTENT_TYPE, format)], context.counters.text())
    };
    Router::new()
        .route("/metrics", get(text))
        .with_state(context)
}
