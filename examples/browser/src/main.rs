//! A page to try netcode in a browser, and all that stands behind it, in one program: a dedicated
//! server, a bridge, an endpoint that hands out connect tokens, and a web server for the page.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `arena` | the dedicated server: positions, sent to every client |
//! | `messages` | messages of clients and server |
//! | `tokens` | the backend: a token for every visitor (yours authenticates the user first) |
//! | `fleet` | heartbeats to `examples/matchmaker`, where that is the backend |
//! | `site` | the web server: the page, the package, the token endpoint |
//! | `desktop` | clients that are no browser, for company |
//! | `../page` | the page itself |
//!
//! In life these are three programs: the web backend holds the key and mints tokens, the dedicated
//! servers hold it too, and the bridge (`netcode-bridge`) needs none.

mod arena;
mod desktop;
mod fleet;
mod messages;
mod site;
mod tokens;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Parser;
use netcode_bridge::{AllowList, AllowRule, Bridge, BridgeConfig, Certificate};

use crate::arena::Arena;
use crate::fleet::Member;
use crate::site::Site;
use crate::tokens::Tokens;

/// A page to try netcode in a browser, and all that stands behind it
#[derive(Parser)]
struct Args {
    /// The address of this machine that browsers reach; other machines need one of the network's
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port of the page (0 takes any free port)
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The npm package, as `cargo xtask web-package` builds it
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/web/package"))]
    package: PathBuf,
    /// Desktop clients that join, so that a lone visitor sees others move
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=16))]
    desktops: u8,
    /// Web backend (examples/matchmaker) whose players this server takes; it serves no page then.
    /// The environment variable MATCHMAKER_SERVER_KEY holds this server's API key
    #[arg(long, value_name = "URL", requires_all = ["server_name", "key"])]
    matchmaker: Option<String>,
    /// Name of this server at the backend
    #[arg(long)]
    server_name: Option<String>,
    /// File with the private key of the backend
    #[arg(long, value_name = "FILE", env = "NETCODE_KEY_FILE")]
    key: Option<PathBuf>,
    /// One JSON object with the addresses, for programs
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let (Some(url), Some(name), Some(key)) = (&args.matchmaker, &args.server_name, &args.key) {
        return serve_players_of(url, name, key, args.host);
    }
    if !args.package.join("dist/index.js").is_file() {
        bail!(
            "no package in {}: build it with `cargo xtask web-package`",
            args.package.display()
        );
    }
    let stop = stop_at_ctrl_c()?;

    let tokens = Tokens::draw()?;
    let arena = Arena::bind(args.host, &tokens)?;
    let bridge = start_bridge(args.host, arena.address())?;
    let tokens = Arc::new(tokens.for_server(arena.address()));
    let site = Site::bind(SocketAddr::new(args.host, args.port), &args.package)?;
    site.announce(args.json, arena.address(), bridge.addresses())?;

    let desktops = desktop::join(args.desktops, &tokens, &stop)?;
    let stop_arena = Arc::clone(&stop);
    let arena = thread::spawn(move || arena.run(&stop_arena));
    site.serve(bridge.addresses().clone(), tokens, &stop)?;

    for desktop in desktops {
        let _ = desktop.join();
    }
    match arena.join() {
        Ok(ran) => ran,
        Err(_) => bail!("the arena's thread panicked"),
    }
}

/// Serves the players that a web backend sends, and tells it of this server.
fn serve_players_of(backend: &str, name: &str, key: &Path, host: IpAddr) -> Result<()> {
    let stop = stop_at_ctrl_c()?;
    let arena = Arena::bind(host, &Tokens::of_backend(key)?)?;
    let bridge = start_bridge(host, arena.address())?;
    let member = Member {
        url: format!("{}/v1/servers/{name}", backend.trim_end_matches('/')),
        credential: std::env::var("MATCHMAKER_SERVER_KEY").context("MATCHMAKER_SERVER_KEY")?,
        server: arena.address(),
        bridge: bridge.addresses().clone(),
        roster: arena.roster(),
    };
    println!("dedicated server {name} at {} (UDP)", arena.address());
    println!("protocol id {}", tokens::PROTOCOL_ID);
    let reports = member.report(Arc::clone(&stop))?;
    arena.run(&stop)?;
    let _ = reports.join();
    Ok(())
}

/// A bridge to the one server, with a certificate for development.
fn start_bridge(host: IpAddr, server: SocketAddr) -> Result<Bridge> {
    let allow = AllowList::new([AllowRule::from(server)]);
    let mut config = BridgeConfig::new(allow, Certificate::for_development());
    config.listen = vec![SocketAddr::new(host, 0)];
    config.rtc_listen = vec![SocketAddr::new(host, 0)];
    Bridge::start(config).context("cannot start the bridge")
}

fn stop_at_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    ctrlc::set_handler(move || set.store(true, Ordering::Relaxed))
        .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}
