//! `netcode server`: a dedicated server that echoes or relays payloads.
//!
//! | file | contents |
//! | --- | --- |
//! | `options` | the command line |
//! | `service` | the main loop, from the start to the last disconnect packet |
//! | `reload` | SIGHUP |
//! | `metrics`, `losses` | figures for Prometheus |
//! | `view` | clients on a terminal |

mod losses;
mod metrics;
mod options;
mod reload;
mod service;
mod view;

use std::time::Duration;

use anyhow::Result;
use netcode_service::{Health, LogFormat, Phase};
use tracing::info;

use self::metrics::{Metrics, Page};
pub(crate) use self::options::Args;
use self::service::Service;
use self::view::View;
use crate::live::Live;

/// Time without a turn after which the main loop is stuck. A turn waits 50 ms at most.
const STUCK_AFTER: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &Args) -> Result<()> {
    let live = match args.log.log_format {
        LogFormat::Text => Live::shown(),
        LogFormat::Json => Live::hidden(),
    };
    let above = live.clone();
    args.log.start_with(env!("CARGO_CRATE_NAME"), move |line| {
        above.write_above(line);
    })?;
    let metrics_address = args.endpoint.address()?;
    let server = args.start()?;
    let health = Health::new(STUCK_AFTER);
    let metrics = metrics_address.map(|_| Metrics::new(&server));
    let page = metrics.as_ref().map(Metrics::page);
    let endpoint = args.endpoint.start(health.clone(), move || {
        page.as_ref().map(Page::text).unwrap_or_default()
    })?;
    if let Some(endpoint) = &endpoint {
        let address = endpoint.address();
        info!(%address, "metrics at http://{address}/metrics");
    }
    health.set_phase(Phase::Serving);
    let mut service = Service {
        args,
        server,
        health,
        metrics,
        view: View::new(live),
    };
    service.run()
}
