//! Listening, with or without TLS, and the end of the service.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;

use crate::service::Service;

/// Longest time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for requests that have begun when the service ends.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Interval at which limits that no longer matter are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(10);

/// Files of a TLS certificate, PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate and its chain.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Serves until `stop` is done. Then the service is reported as not ready for `notice`, so that a
/// load balancer sends nothing more, and ends when all requests are answered.
///
/// # Errors
/// The listener or the certificate cannot be used.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsFiles>,
    routes: Router,
    service: Arc<Service>,
    stop: impl Future<Output = ()> + Send + 'static,
    notice: Duration,
) -> Result<()> {
    listener.set_nonblocking(true)?;
    let handle = Handle::new();
    let ending = Arc::clone(&service);
    let end = handle.clone();
    tokio::spawn(async move {
        stop.await;
        ending.ending.store(true, Ordering::Relaxed);
        tokio::time::sleep(notice).await;
        end.graceful_shutdown(Some(END_TIMEOUT));
    });
    let forget = tokio::spawn(async move {
        loop {
            tokio::time::sleep(FORGET_INTERVAL).await;
            service.limits.forget();
        }
    });
    let served = match tls {
        Some(files) => {
            let config = RustlsConfig::from_pem_file(&files.certificate, &files.key)
                .await
                .with_context(|| format!("cannot use {}", files.certificate.display()))?;
            let server = axum_server::from_tcp_rustls(listener, config)?;
            run(server, handle, routes).await
        }
        None => run(axum_server::from_tcp(listener)?, handle, routes).await,
    };
    forget.abort();
    served
}

async fn run<A>(
    mut server: Server<SocketAddr, A>,
    handle: Handle<SocketAddr>,
    routes: Router,
) -> Result<()>
where
    A: axum_server::accept::Accept<
            tokio::net::TcpStream,
            axum::middleware::AddExtension<Router, axum::extract::ConnectInfo<SocketAddr>>,
        > + Clone
        + Send
        + Sync
        + 'static,
    A::Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    A::Service:
        axum_server::service::SendService<axum::http::Request<hyper::body::Incoming>> + Send,
    A::Future: Send,
{
    let http = server.http_builder();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    http.http2().timer(TokioTimer::new());
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    Ok(server.handle(handle).serve(routes).await?)
}
