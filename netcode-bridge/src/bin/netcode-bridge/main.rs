//! The `netcode-bridge` program: a bridge as a service.
//!
//! | file | contents |
//! | --- | --- |
//! | `options`, `limits` | the command line |
//! | `report` | events, as lines for people or as JSON |
//! | `signal` | requests of a terminal or a service manager |

mod limits;
mod options;
mod report;
mod signal;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use netcode_bridge::{AllowList, AllowRule, Bridge};

use self::options::{BrowserArgs, seconds};
use self::report::Report;

/// Interval of checks for changed certificate files.
const LOOK_AT_FILES: Duration = Duration::from_secs(5);

/// Let browsers reach UDP servers over WebTransport and WebRTC
///
/// Datagrams pass unopened: the bridge needs no key, and any netcode 1.02 server works behind it.
///
/// At Ctrl-C or SIGTERM it refuses new sessions and waits for the open ones to end; a second signal
/// ends it at once. At SIGHUP, or when the files change, it reads its certificate again.
#[derive(Parser)]
#[command(name = "netcode-bridge", version)]
struct Args {
    /// Server that may be reached: HOST:PORT, NETWORK:PORT or HOST:PORT-PORT, such as
    /// 192.0.2.1:40000, 10.1.0.0/16:40000-40099 or game.example:40000; followed by =ADDRESS:PORT if
    /// the bridge reaches it at another address than the one in tokens
    #[arg(long, value_name = "SERVER", required = true, num_args = 1..)]
    allow: Vec<AllowRule>,
    /// Address for browsers, WebTransport over UDP and WebRTC offers over TCP: one, or one of each
    /// family
    #[arg(long, value_name = "ADDRESS", default_values = ["0.0.0.0:4433", "[::]:4433"])]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    browsers: BrowserArgs,
    /// Time for sessions to end once the bridge is asked to stop
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    drain: Duration,
    /// Print events as JSON, one object on each line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // A closed pipe is a normal end: `netcode-bridge … | head`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "netcode-bridge: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn run(args: &Args) -> Result<()> {
    let (stop, reload) = signal::listen()?;
    let allow = AllowList::new(args.allow.iter().cloned());
    let config = args.browsers.config(allow, args.listen.clone())?;
    let mut bridge = Bridge::start(config)?;
    let report = Report { json: args.json };
    report.listening(&bridge)?;

    let mut looked = Instant::now();
    while !stop.wanted() {
        serve(&bridge, &report)?;
        let looks = looked.elapsed() >= LOOK_AT_FILES;
        if looks {
            looked = Instant::now();
        }
        if reload.wanted() || (looks && bridge.certificate_is_outdated()) {
            report.reloaded(&bridge.reload_certificate())?;
        }
    }
    bridge.drain();
    report.draining(&bridge)?;
    let end = Instant::now() + args.drain;
    while bridge.stats().sessions > 0 && Instant::now() < end {
        serve(&bridge, &report)?;
    }
    // Each browser gets a close code, and a moment to receive it.
    bridge.end_sessions();
    let end = Instant::now() + Duration::from_secs(1);
    while bridge.stats().sessions > 0 && Instant::now() < end {
        serve(&bridge, &report)?;
    }
    report.events(&bridge)?;
    report.stopped(&bridge)
}

fn serve(bridge: &Bridge, report: &Report) -> Result<()> {
    if let Some(event) = bridge.wait_event(Duration::from_millis(50)) {
        report.event(&event)?;
    }
    report.events(bridge)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
