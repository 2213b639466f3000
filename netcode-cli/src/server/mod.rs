//! `netcode server`: a dedicated server that echoes or relays payloads.
//!
//! | file | contents |
//! | --- | --- |
//! | `options` | the command line |
//! | `service` | the main loop, from the start to the last disconnect packet |
//! | `reload` | SIGHUP |
//! | `heartbeats` | reports to a matchmaker |
//! | `metrics`, `losses` | figures for Prometheus |
//! | `view` | clients on a terminal |

mod heartbeats;
mod losses;
mod metrics;
mod options;
mod reload;
mod service;
mod view;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use netcode_service::{Health, LogFormat, ReloadSignal, StopSignal};
use tracing::info;

use self::heartbeats::Figures;
use self::metrics::{Metrics, Page};
pub(crate) use self::options::Args;
use self::service::{Service, Signals};
use self::view::View;
use crate::live::Live;

/// Time without a turn after which the main loop is stuck. A turn waits 50 ms at most.
const STUCK_AFTER: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &Args) -> Result<()> {
    // Before the first line of the log, after which a signal may come.
    let signals = Signals {
        stop: StopSignal::listen()?,
        reload: ReloadSignal::listen()?,
    };
    let live = match args.log.log_format {
        LogFormat::Text => Live::shown(),
        LogFormat::Json => Live::hidden(),
    };
    let above = live.clone();
    args.log.start_with(env!("CARGO_CRATE_NAME"), move |line| {
        above.write_above(line);
    })?;
    let metrics_address = args.endpoint.address()?;
    let membership = args.member.check()?;
    let server = args.start()?;
    let health = Health::new(STUCK_AFTER);
    let figures = membership.as_ref().map(|_| Arc::new(Figures::new()));
    let metrics = metrics_address.map(|_| Metrics::new(&server, figures.clone()));
    let page = metrics.as_ref().map(Metrics::page);
    let endpoint = args.endpoint.start(health.clone(), move || {
        page.as_ref().map(Page::text).unwrap_or_default()
    })?;
    if let Some(endpoint) = &endpoint {
        let address = endpoint.address();
        info!(%address, "metrics at http://{address}/metrics");
    }
    let heartbeats = match membership.zip(figures) {
        Some((membership, figures)) => Some(membership.start(&server, figures)?),
        None => None,
    };
    let mut service = Service {
        args,
        heartbeats,
        signals,
        server,
        health,
        metrics,
        view: View::new(live),
    };
    service.run()
}
