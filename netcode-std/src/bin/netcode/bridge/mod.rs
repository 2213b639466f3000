//! `netcode bridge`: browsers reach UDP servers over WebTransport and WebRTC.

mod limits;
mod options;
mod report;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use netcode_std::bridge::{AllowList, AllowRule, Bridge, Certificate};

pub(crate) use self::options::BrowserArgs;
pub(crate) use self::report::Report;
use crate::signal::Stop;
use crate::text::seconds;

/// How often certificate files are looked at.
const LOOK_AT_FILES: Duration = Duration::from_secs(5);

/// Let browsers reach UDP servers over WebTransport and WebRTC
///
/// Datagrams pass unopened: the bridge needs no key, and any netcode 1.02 server works behind it.
///
/// At Ctrl-C or SIGTERM it lets nobody in and waits for its sessions to end; asked a second time,
/// it ends at once. SIGHUP, or a change of the files, makes it read its certificate again.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A server that may be reached: HOST:PORT, NETWORK:PORT or HOST:PORT-PORT, such as
    /// 192.0.2.1:40000, 10.1.0.0/16:40000-40099 or game.example:40000; with =ADDRESS:PORT behind
    /// it, where the bridge reaches what tokens call by the first address
    #[arg(long, value_name = "SERVER", required = true, num_args = 1..)]
    allow: Vec<AllowRule>,
    /// Where browsers arrive: WebTransport over UDP, offers for WebRTC over TCP; one address, or
    /// one of each family
    #[arg(long, value_name = "ADDRESS", default_values = ["0.0.0.0:4433", "[::]:4433"])]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    browsers: BrowserArgs,
    /// How long sessions may go on once the bridge is asked to end
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    drain: Duration,
    /// Events as JSON, one object on each line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let (stop, reload) = Stop::listen_and_reload()?;
    let allow = AllowList::new(args.allow.iter().cloned());
    let config = args.browsers.config(allow, args.listen.clone())?;
    let certificate = config.certificate.clone();
    let mut bridge = Bridge::start(config)?;
    let mut report = Report::new(args.json);
    report.listening(&bridge)?;

    let mut files = Files::new(certificate);
    while !stop.wanted() {
        serve(&bridge, &mut report)?;
        if reload.wanted() || files.have_changed() {
            report.reloaded(&bridge.reload_certificate())?;
        }
    }
    bridge.drain();
    report.draining(&bridge)?;
    let end = Instant::now() + args.drain;
    while bridge.stats().sessions > 0 && Instant::now() < end {
        serve(&bridge, &mut report)?;
    }
    // Each browser is told, and has a moment to hear it.
    bridge.end_sessions();
    let end = Instant::now() + Duration::from_secs(1);
    while bridge.stats().sessions > 0 && Instant::now() < end {
        serve(&bridge, &mut report)?;
    }
    report.events(&bridge)?;
    report.stopped(&bridge)
}

fn serve(bridge: &Bridge, report: &mut Report) -> Result<()> {
    if let Some(event) = bridge.wait_event(Duration::from_millis(50)) {
        report.event(&event)?;
    }
    report.events(bridge)?;
    report.draw(bridge);
    Ok(())
}

/// The bridge of `netcode server --bridge`, to that server alone.
pub(crate) fn start_for(
    server: impl IntoIterator<Item = AllowRule>,
    listen: SocketAddr,
    browsers: &BrowserArgs,
) -> Result<Bridge> {
    let config = browsers.config(AllowList::new(server), vec![listen])?;
    Bridge::start(config).context("cannot start the bridge")
}

/// Watches the certificate's files.
struct Files {
    certificate: Certificate,
    modified: Option<SystemTime>,
    looked: Instant,
}

impl Files {
    fn new(certificate: Certificate) -> Self {
        Self {
            modified: certificate.modified(),
            certificate,
            looked: Instant::now(),
        }
    }

    fn have_changed(&mut self) -> bool {
        if self.looked.elapsed() < LOOK_AT_FILES {
            return false;
        }
        self.looked = Instant::now();
        let modified = self.certificate.modified();
        let changed = modified.is_some() && modified != self.modified;
        self.modified = modified;
        changed
    }
}
