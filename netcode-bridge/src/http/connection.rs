//! TCP connections: admission and timeouts.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::proxy;
use crate::admission::{Admission, Place};
use crate::certificate::Loaded;
use crate::context::Context;
use crate::error::BridgeError;
use crate::limit::{Limit, Resource};

/// Read buffer for a request's head or a part of its body, bytes.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Backlog of the listening socket.
const BACKLOG: i32 = 1024;

/// Pause after a failed accept, for example for lack of descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// TLS configuration; changes with the certificate.
pub(crate) type Tls = watch::Receiver<Arc<ServerConfig>>;

/// TLS configuration under `certificate`.
pub(crate) fn tls_config(certificate: &Loaded) -> Result<Arc<ServerConfig>, BridgeError> {
    Ok(Arc::new(certificate.server_config(&[b"http/1.1"])?))
}

/// Listener for [`serve`], and its address. Needs an entered runtime.
pub(crate) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BridgeError> {
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
        // A restarted bridge finds its port in TIME_WAIT.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|error| BridgeError::Listen { address, error })
}

/// Admits a new connection.
fn admit(context: &Context, from: IpAddr) -> Result<Place, Limit> {
    let Admission {
        connections,
        tcp_arrivals,
        ..
    } = &context.admission;
    let now = Instant::now();
    // A trusted proxy connects on behalf of many: each request names its browser, and counts then.
    let (arrived, place) = if proxy::is_trusted(&context.config, from) {
        (tcp_arrivals.take_for_many(now), connections.take_for_many())
    } else {
        (tcp_arrivals.take(now, from), connections.take(from))
    };
    arrived.map_err(|exhausted| Resource::Arrivals.limit(exhausted))?;
    place.map_err(|exhausted| Resource::Connections.limit(exhausted))
}

/// Serves `routes`, over TLS if configured.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    tls: Option<Tls>,
    context: Arc<Context>,
) {
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            sleep(AFTER_FAILURE).await;
            continue;
        };
        let context = Arc::clone(&context);
        let place = match admit(&context, from.ip()) {
            Ok(place) => place,
            Err(limit) => {
                context.limited(limit, from.ip());
                continue;
            }
        };
        let tls = tls
            .as_ref()
            .map(|tls| TlsAcceptor::from(tls.borrow().clone()));
        let routes = routes.clone().layer(Extension(ConnectInfo(from)));
        tokio::spawn(async move {
            let limit = context.config.limits.request_timeout;
            if timeout(limit, serve_connection(stream, tls, routes))
                .await
                .is_err()
            {
                context.limited(Limit::RequestTimeout, from.ip());
            }
            // Not before the descriptor is closed.
            drop(place);
        });
    }
}

/// Serves one request and its response.
async fn serve_connection(stream: TcpStream, tls: Option<TlsAcceptor>, routes: Router) {
    match tls {
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve_request(stream, routes).await;
            }
        }
        None => serve_request(stream, routes).await,
    }
}

pub(crate) async fn serve_request(stream: impl AsyncRead + AsyncWrite + Unpin, routes: Router) {
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // A failure concerns this connection alone.
    let _ = served.await;
}
