//! The service as a program: options, keys, start.

mod options;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use matchmaker::api;
use matchmaker::identity::{Accounts, ApiKey, ApiKeys, Credentials, Identities, Identity, Jwt};
use matchmaker::limits::Limits;
use matchmaker::metrics::Metrics;
use matchmaker::origin::TrustedProxies;
use matchmaker::placement::{Agones, FixedList, Fleet, Placement};
use matchmaker::serve::serve;
use matchmaker::service::Service;
use matchmaker::site;
use matchmaker::store::{self, Store};
use netcode_service::{ReloadSignal, StopSignal};

use crate::options::{Command, KeyArgs, Options, Serve};

/// Interval of looks at the request to end.
const LOOK: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    match Options::parse().command {
        Command::Serve(options) => run(&options),
        Command::Key(args) => draw_key(&args),
    }
}

/// Draws an API key, and prints its entry for the file of credentials.
fn draw_key(args: &KeyArgs) -> Result<()> {
    let key = ApiKey::generate()?;
    match &args.out {
        Some(path) => write_new(path, key.as_str())
            .with_context(|| format!("cannot create {}", path.display()))?,
        None => println!(
            "key, for its owner:  {}\n\nfor the file of credentials:\n",
            key.as_str()
        ),
    }
    println!(
        "[[key]]\nname = \"{}\"\nrole = \"{}\"",
        args.name, args.role
    );
    println!("sha256 = \"{}\"", key.hash());
    Ok(())
}

/// Writes a secret to a new file that only its owner can read.
fn write_new(path: &Path, secret: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    writeln!(options.open(path)?, "{secret}")
}

#[tokio::main]
async fn run(options: &Serve) -> Result<()> {
    options.log.start("matchmaker")?;
    let (stop, reload) = (StopSignal::listen()?, ReloadSignal::listen()?);
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
    let mut routes = api::router(&service);
    if let Some(package) = &options.site {
        routes = routes.merge(site::router(package));
    }
    let stopped = watch(options.clone(), Arc::clone(&service), stop, reload);
    serve(listener, tls, routes, service, stopped, options.notice()).await
}

fn service(options: &Serve, store: Arc<dyn Store>) -> Result<Service> {
    let accounts = match &options.site {
        Some(_) => Some(Arc::new(Accounts::new(Arc::clone(&store))?)),
        None => None,
    };
    let credentials = match &options.credentials {
        Some(file) => Credentials::read(file)?,
        None => Credentials::default(),
    };
    Ok(Service {
        placement: placement(options, &store)?,
        identities: identities(options, credentials.keys, accounts.as_ref())?,
        accounts,
        devices: credentials.devices,
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
fn identities(
    options: &Serve,
    keys: ApiKeys,
    accounts: Option<&Arc<Accounts>>,
) -> Result<Identities> {
    let mut all: Vec<Arc<dyn Identity>> = Vec::new();
    if let Some(accounts) = accounts {
        all.push(Arc::clone(accounts) as Arc<dyn Identity>);
    }
    all.push(Arc::new(keys));
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

/// Obeys signals; done when the process is asked to end.
async fn watch(options: Serve, service: Arc<Service>, stop: StopSignal, reload: ReloadSignal) {
    while !stop.is_requested() {
        if reload.take() {
            reload_key(&options, &service);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Reads the private key again, and says what became of it. The one in use stays if it cannot.
fn reload_key(options: &Serve, service: &Service) {
    match options.key().map(|key| service.mint.rotate_key(key)) {
        Ok(true) => tracing::info!("key changed: tokens are minted under the new key"),
        Ok(false) => tracing::info!("nothing was reloaded: the key is the one in use"),
        Err(error) => tracing::error!("nothing was reloaded: {error:#}"),
    }
}
