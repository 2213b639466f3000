//! TCP connections: who may have one, and for how long.

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
use crate::admission::{Place, Places};
use crate::certificate::Loaded;
use crate::context::Context;
use crate::error::BridgeError;
use crate::limit::{Limit, Resource};
use crate::rate::Arrivals;

/// What a request's head and a piece of its body may take, bytes.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// Connections that wait to be accepted, in the system.
const BACKLOG: i32 = 1024;

/// A listener that fails, for want of descriptors say, is asked again after so long.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Connections to the counters, at a time and a second: their own, to be read under attack too.
const METRICS_CONNECTIONS: (usize, u32) = (16, 100);

/// How TLS is spoken; changes with the certificate.
pub(crate) type Tls = watch::Receiver<Arc<ServerConfig>>;

/// How TLS is spoken under `certificate`.
pub(crate) fn tls_config(certificate: &Loaded) -> Result<Arc<ServerConfig>, BridgeError> {
    Ok(Arc::new(certificate.server_config(&[b"http/1.1"])?))
}

/// A listener for [`serve`], and the address it has. Needs a runtime around it.
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
        // A bridge that restarts finds its port still warm.
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

/// Lets connections in, within limits.
#[derive(Clone)]
pub(crate) struct Door {
    context: Arc<Context>,
    places: Places,
    arrivals: Arrivals,
}

impl Door {
    /// For strangers.
    pub(crate) fn for_offers(context: Arc<Context>) -> Self {
        Self {
            places: context.admission.connections.clone(),
            arrivals: context.admission.tcp_arrivals.clone(),
            context,
        }
    }

    /// For whoever reads the counters.
    pub(crate) fn for_metrics(context: Arc<Context>) -> Self {
        let (most, a_second) = METRICS_CONNECTIONS;
        Self {
            places: Places::new(most, most),
            arrivals: Arrivals::new(a_second, a_second, Instant::now()),
            context,
        }
    }

    fn enter(&self, from: IpAddr) -> Result<Place, Limit> {
        let arrivals = &self.arrivals;
        let now = Instant::now();
        // A proxy stands for many: its requests say for whom, and are counted then.
        let (arrived, place) = if proxy::is_trusted(&self.context.config, from) {
            (arrivals.take_for_many(now), self.places.take_for_many())
        } else {
            (arrivals.take(now, from), self.places.take(from))
        };
        arrived.map_err(|exhausted| Resource::Arrivals.limit(exhausted))?;
        place.map_err(|exhausted| Resource::Connections.limit(exhausted))
    }
}

/// Serves `routes`, over TLS if there is any.
pub(crate) async fn serve(listener: TcpListener, routes: Router, tls: Option<Tls>, door: Door) {
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            sleep(AFTER_FAILURE).await;
            continue;
        };
        let context = Arc::clone(&door.context);
        let place = match door.enter(from.ip()) {
            Ok(place) => place,
            Err(limit) => {
                context.counters.limited(limit);
                continue;
            }
        };
        let tls = tls
            .as_ref()
            .map(|tls| TlsAcceptor::from(tls.borrow().clone()));
        let routes = routes.clone().layer(Extension(ConnectInfo(from)));
        tokio::spawn(async move {
            let limit = context.config.limits.request_timeout;
            if timeout(limit, converse(stream, tls, routes)).await.is_err() {
                context.counters.limited(Limit::RequestTimeout);
            }
            // Not before the descriptor is closed.
            drop(place);
        });
    }
}

/// One request and its response.
async fn converse(stream: TcpStream, tls: Option<TlsAcceptor>, routes: Router) {
    match tls {
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                speak_http(stream, routes).await;
            }
        }
        None => speak_http(stream, routes).await,
    }
}

async fn speak_http(stream: impl AsyncRead + AsyncWrite + Unpin, routes: Router) {
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(READ_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    // What went wrong on the way is nobody's but the stranger's.
    let _ = served.await;
}
