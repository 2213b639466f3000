//! Metrics and health over HTTP.
//!
//! One thread with a runtime of its own serves it, so that a program without a runtime can have it
//! and a busy program cannot delay it.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::address::parse_address;
use crate::health::{Answer, Health};

/// Limits on readers.
const LIMITS: Limits = Limits {
    connections: 32,
    time: Duration::from_secs(5),
};

/// Buffer for a request's head, bytes; a longer one is refused.
const HEAD_BYTES: usize = 8 * 1024;

/// Pause after a failed accept, for example for lack of descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

const TEXT: &str = "text/plain; charset=utf-8";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Options of the endpoint, to flatten into a program's own.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Metrics and health")]
pub struct EndpointArgs {
    /// Address for HTTP: Prometheus metrics at /metrics, probes at /healthz and /readyz. All who
    /// can reach it can read them
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = parse_address,
        env = "NETCODE_METRICS",
        hide_env = true
    )]
    pub metrics: Option<SocketAddr>,
    /// Permit an address for all interfaces there, such as 0.0.0.0:9100, in a container say
    #[arg(
        long,
        requires = "metrics",
        env = "NETCODE_METRICS_ON_ALL_INTERFACES",
        hide_env = true
    )]
    pub metrics_on_all_interfaces: bool,
}

impl EndpointArgs {
    /// Address to serve at, if one was named.
    ///
    /// # Errors
    /// [`EndpointError::AllInterfaces`].
    pub fn address(&self) -> Result<Option<SocketAddr>, EndpointError> {
        match self.metrics {
            Some(address) if address.ip().is_unspecified() && !self.metrics_on_all_interfaces => {
                Err(EndpointError::AllInterfaces(address))
            }
            address => Ok(address),
        }
    }

    /// Starts the endpoint, if an address was named. See [`Endpoint::start`].
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn start(
        &self,
        health: Health,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Result<Option<Endpoint>, EndpointError> {
        let address = self.address()?;
        address
            .map(|address| Endpoint::start(address, health, metrics))
            .transpose()
    }
}

/// HTTP service of metrics and probes, until it is dropped.
///
/// | path | answer |
/// | --- | --- |
/// | `/metrics` | metrics in the OpenMetrics text format |
/// | `/healthz` | 200, or 503 while the main loop is stuck |
/// | `/readyz` | 200, or 503 while the program does not serve newcomers |
///
/// GET and HEAD over HTTP/1, one request for each connection. At most 32 connections are served at
/// a time, each for at most five seconds; others wait to be accepted.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Endpoint {
    /// Starts to serve at `address`. `metrics` is called for each request of them, in the
    /// endpoint's thread, and returns OpenMetrics text.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn start(
        address: SocketAddr,
        health: Health,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Result<Self, EndpointError> {
        let routes = Routes {
            health,
            metrics: Box::new(metrics),
        };
        Self::serve(address, routes, LIMITS)
            .map_err(|error| EndpointError::Listen { address, error })
    }

    fn serve(address: SocketAddr, routes: Routes, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("endpoint".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = accept(listener, Arc::new(routes), limits) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Bound address, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone, Copy)]
struct Limits {
    /// Connections at a time.
    connections: usize,
    /// Time of each.
    time: Duration,
}

async fn accept(listener: TcpListener, routes: Arc<Routes>, limits: Limits) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(limits.connections));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(AFTER_FAILURE).await;
            continue;
        };
        let routes = Arc::clone(&routes);
        tokio::spawn(async move {
            let _ = timeout(limits.time, answer(stream, &routes)).await;
            drop(place);
        });
    }
    Ok(())
}

/// Answers one request.
async fn answer(stream: TcpStream, routes: &Routes) {
    let service =
        service_fn(|request| async move { Ok::<_, Infallible>(routes.response(&request)) });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A failure concerns this connection alone.
    let _ = served.await;
}

struct Routes {
    health: Health,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
}

impl Routes {
    fn response<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
            let text = "not found: /metrics, /healthz and /readyz are served\n";
            return respond(StatusCode::NOT_FOUND, TEXT, text.to_owned());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refusal = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, String::new());
            let methods = HeaderValue::from_static("GET, HEAD");
            refusal.headers_mut().insert(ALLOW, methods);
            return refusal;
        }
        match path {
            "/metrics" => respond(StatusCode::OK, OPEN_METRICS, (self.metrics)()),
            "/healthz" => probe(self.health.live(Instant::now())),
            _ => probe(self.health.ready(Instant::now())),
        }
    }
}

fn probe(answer: Answer) -> Response<Full<Bytes>> {
    let (status, text) = match answer {
        Ok(text) => (StatusCode::OK, text.to_owned()),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text),
    };
    respond(status, TEXT, text + "\n")
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Reason why an endpoint does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum EndpointError {
    /// The address is for all interfaces, and that was not permitted.
    AllInterfaces(SocketAddr),
    /// The address cannot be served at.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Error of the system.
        error: io::Error,
    },
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllInterfaces(address) => write!(
                f,
                "metrics at {address} could be read on all interfaces, public ones included: name \
                 one address, such as 127.0.0.1:{}, or add --metrics-on-all-interfaces",
                address.port()
            ),
            Self::Listen { address, error } => {
                write!(f, "cannot serve metrics at {address}: {error}")
            }
        }
    }
}

impl std::error::Error for EndpointError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::AllInterfaces(_) => None,
            // Its text is in ours: its own source is the next one.
            Self::Listen { error, .. } => error.source(),
        }
    }
}
