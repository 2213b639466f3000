//! The service as a program: options, keys, start.

mod options;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use clap::Parser;
use matchmaker::api;
use matchmaker::identity::{ApiKey, ApiKeys, Devices, Identities, Identity, Jwt};
use matchmaker::limits::Limits;
use matchmaker::metrics::Metrics;
use matchmaker::origin::TrustedProxies;
use matchmaker::placement::{Agones, FixedList, Fleet, Placement};
use matchmaker::serve::serve;
use matchmaker::service::Service;
use matchmaker::store::{self, Store};
use tracing_subscriber::EnvFilter;

use crate::options::{Command, Options, Serve};

fn main() -> Result<()> {
    match Options::parse().command {
        Command::Serve(options) => run(&options),
        Command::Key => draw_key(),
    }
}

/// Prints a new API key, and the entry for the file of credentials.
fn draw_key() -> Result<()> {
    let key = ApiKey::generate()?;
    println!("key, for its owner:  {}", key.as_str());
    println!("\nfor the file of credentials:\n");
    println!("[[key]]\nname = \"NAME\"\nrole = \"server\" # or \"player\", \"admin\"");
    println!("sha256 = \"{}\"", key.hash());
    Ok(())
}

#[tokio::main]
async fn run(options: &Serve) -> Result<()> {
    start_log(options.log_json);
    // The TLS library has no default of its own when several are linked.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let store = store::open(&options.store)
        .with_context(|| format!("cannot open the state {}", options.store))?;
    let service = Arc::new(service(options, store)?);
    let listener = TcpListener::bind(options.listen)
        .with_context(|| format!("cannot listen on {}", options.listen))?;
    let tls = options.tls();
    let scheme = if tls.is_some() { "https" } else { "http" };
    // Programs that start this one read the port from the first line.
    println!("listening on {scheme}://{}", listener.local_addr()?);
    let routes = api::router(&service);
    serve(listener, tls, routes, service, stopped(), options.notice()).await
}

fn start_log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        log.json().flatten_event(true).init();
    } else {
        log.init();
    }
}

fn service(options: &Serve, store: Arc<dyn Store>) -> Result<Service> {
    Ok(Service {
        placement: placement(options, &store)?,
        identities: identities(options)?,
        devices: match &options.credentials {
            Some(file) => Devices::read(file)?,
            None => Devices::default(),
        },
        mint: options.mint()?,
        limits: Limits::new(options.account_rate(), options.address_rate()),
        metrics: Metrics::default(),
        proxies: TrustedProxies(options.trusted_proxy.clone()),
        origins: options.allow_origin.clone(),
        bridge: options.bridge(),
        silent_after: options.silent_after(),
        ending: AtomicBool::new(false),
        store,
    })
}

/// The ways to recognize a caller. **Add your own login here**: see [`matchmaker::identity`].
fn identities(options: &Serve) -> Result<Identities> {
    let mut all: Vec<Arc<dyn Identity>> = Vec::new();
    if let Some(file) = &options.credentials {
        all.push(Arc::new(ApiKeys::read(file)?));
    }
    if let Some(config) = options.jwt()? {
        all.push(Arc::new(Jwt::new(config)?));
    }
    Ok(Identities::new(all))
}

fn placement(options: &Serve, store: &Arc<dyn Store>) -> Result<Arc<dyn Placement>> {
    if let Some(config) = options.agones()? {
        return Ok(Arc::new(Agones::new(config)?));
    }
    if !options.server.is_empty() {
        let servers = options.server.clone();
        return Ok(Arc::new(FixedList::new(servers, options.alternatives)));
    }
    Ok(Arc::new(Fleet::new(Arc::clone(store), options.fleet())))
}

/// Done at Ctrl-C, or when the system ends the process.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}
