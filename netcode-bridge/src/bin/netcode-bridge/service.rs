//! Main loop of the service: signals, the certificate's files, health.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use netcode_bridge::{AllowList, Bridge, NotReady};
use netcode_service::{Health, Phase, ReloadSignal, StopSignal};
use tracing::{error, info};

use crate::Args;

/// Interval of checks of the certificate.
const LOOK_AT_CERTIFICATE: Duration = Duration::from_secs(5);

/// Time without a turn of the main loop after which it is stuck. A turn reads files at most.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Longest wait of a turn for an event of the bridge.
const TURN: Duration = Duration::from_millis(50);

/// Time for browsers to receive the close code, once the sessions are ended.
const CLOSING: Duration = Duration::from_secs(1);

/// Runs a bridge until a signal.
pub(crate) fn run(args: &Args) -> Result<()> {
    let stop = StopSignal::listen().context("cannot listen for signals")?;
    let reload = ReloadSignal::listen().context("cannot listen for signals")?;
    let allow = AllowList::new(args.allow.iter().cloned());
    let config = args.browsers.config(allow, args.listen.clone())?;
    // A refused address costs no bridge.
    args.endpoint.address()?;
    let mut service = Service {
        bridge: Bridge::start(config)?,
        health: Health::new(STUCK_AFTER),
        looked: Instant::now(),
        not_ready: None,
    };
    let monitor = service.bridge.monitor();
    let endpoint = args
        .endpoint
        .start(service.health.clone(), move || monitor.metrics())?;
    if let Some(endpoint) = &endpoint {
        info!(address = %endpoint.address(), "metrics and health are served");
    }
    service.health.set_phase(Phase::Serving);
    while !stop.is_requested() {
        service.turn();
        service.look_at_certificate(reload.take());
    }
    service.drain(args.drain);
    Ok(())
}

struct Service {
    bridge: Bridge,
    health: Health,
    /// Time of the last check of the certificate.
    looked: Instant,
    /// Reason that was logged.
    not_ready: Option<NotReady>,
}

impl Service {
    /// Waits a moment. Events are taken, since more would be lost than read; the library has logged
    /// them.
    fn turn(&mut self) {
        self.health.turn();
        self.bridge.wait_event(TURN);
        while self.bridge.poll_event().is_some() {}
    }

    fn look_at_certificate(&mut self, is_requested: bool) {
        let is_time = self.looked.elapsed() >= LOOK_AT_CERTIFICATE;
        if is_time {
            self.looked = Instant::now();
        }
        if is_requested || (is_time && self.bridge.certificate_is_outdated()) {
            // The bridge logs the result, and keeps its certificate after a failure.
            let _ = self.bridge.reload_certificate();
        }
        self.report_readiness();
    }

    /// Shows in the probes that browsers cannot connect, and logs when that begins.
    fn report_readiness(&mut self) {
        let not_ready = self.bridge.monitor().readiness().err();
        if not_ready == self.not_ready {
            return;
        }
        self.not_ready = not_ready;
        match not_ready {
            Some(reason) => {
                error!("browsers cannot connect: {reason}");
                self.health.set_phase(Phase::Unavailable);
            }
            None => self.health.set_phase(Phase::Serving),
        }
    }

    /// Refuses new sessions, waits up to `time` for the open ones to end, and ends the rest.
    fn drain(&mut self, time: Duration) {
        self.health.set_phase(Phase::Draining);
        self.bridge.drain();
        self.wait_for_sessions(time);
        self.bridge.end_sessions();
        self.wait_for_sessions(CLOSING);
        let stats = self.bridge.stats();
        info!(
            sessions_opened = stats.opened,
            sessions_refused = stats.refused,
            datagrams_to_server = stats.to_server.datagrams,
            datagrams_to_browser = stats.to_browser.datagrams,
            "stopped"
        );
    }

    fn wait_for_sessions(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while self.bridge.stats().sessions > 0 && Instant::now() < end {
            self.turn();
        }
    }
}
