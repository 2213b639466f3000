//! Main loop of a server.

use std::time::{Duration, Instant};

use anyhow::Result;
use netcode_service::{Health, Phase, ReloadSignal, StopSignal};
use netcode_std::core::server::{Admission, Event, ServerStats};
use netcode_std::{RECEIVE_BUFFER_BYTES, Server};
use tracing::info;

use super::heartbeats::Heartbeats;
use super::metrics::Metrics;
use super::options::Args;
use super::reload::reload;
use super::view::View;
use crate::network::Network;

/// Maximum time of a turn without traffic.
const PAUSE: Duration = Duration::from_millis(50);

/// Requests of a terminal or a service manager.
pub(super) struct Signals {
    pub(super) stop: StopSignal,
    pub(super) reload: ReloadSignal,
}

/// A running server, with everything that looks at it.
pub(super) struct Service<'a> {
    pub(super) args: &'a Args,
    pub(super) signals: Signals,
    pub(super) server: Server<Network>,
    pub(super) health: Health,
    pub(super) heartbeats: Option<Heartbeats>,
    pub(super) metrics: Option<Metrics>,
    pub(super) view: View,
}

impl Service<'_> {
    /// Serves until the time has passed or a signal comes.
    pub(super) fn run(&mut self) -> Result<()> {
        if self.heartbeats.is_none() {
            self.health.set_phase(Phase::Serving);
        }
        let end = self.args.duration.map(|duration| Instant::now() + duration);
        let mut ended = Ok(());
        while ended.is_ok()
            && !self.signals.stop.is_requested()
            && end.is_none_or(|end| Instant::now() < end)
        {
            if self.signals.reload.take() {
                reload(self.args, &mut self.server);
            }
            ended = self.turn(PAUSE);
            self.look_at_registration();
        }
        if ended.is_ok() {
            ended = self.close();
        }
        // The clients are notified, whatever ended the loop.
        let flushed = self.disconnect_and_flush();
        if let Some(heartbeats) = &self.heartbeats {
            heartbeats.end();
        }
        self.view.clear();
        ended?;
        flushed?;
        totals(self.server.core().stats());
        Ok(())
    }

    /// Reports the server as ready once the matchmaker knows it. It stays ready while the matchmaker
    /// cannot be reached, or an outage would be one of all servers.
    fn look_at_registration(&mut self) {
        let registered = self.heartbeats.as_ref().map(Heartbeats::is_registered);
        if registered == Some(true) {
            self.health.set_phase(Phase::Serving);
        }
    }

    /// Denies new clients, tells the matchmaker, and drains if the server was asked to stop.
    fn close(&mut self) -> Result<()> {
        self.health.set_phase(Phase::Draining);
        self.server.set_admission(Admission::Closed);
        if let Some(heartbeats) = &self.heartbeats {
            heartbeats.drain();
        }
        if self.signals.stop.is_requested() {
            self.drain()?;
        }
        // Clients that are disconnected ask the matchmaker for another server at once.
        let patience = self.heartbeats.as_ref().map(Heartbeats::patience);
        let end = Instant::now() + patience.unwrap_or_default();
        let untold = |it: &Heartbeats| !it.has_told();
        while self.heartbeats.as_ref().is_some_and(untold) && Instant::now() < end {
            self.turn(PAUSE)?;
        }
        Ok(())
    }

    /// Waits for the clients to leave.
    fn drain(&mut self) -> Result<()> {
        let clients = self.server.core().connected_count();
        let seconds = self.args.drain.as_secs_f64();
        info!(
            clients,
            seconds, "draining: new clients are denied, those connected may finish"
        );
        let end = Instant::now() + self.args.drain;
        while self.server.core().connected_count() > 0 && Instant::now() < end {
            if self.signals.reload.take() {
                reload(self.args, &mut self.server);
            }
            self.turn(PAUSE)?;
        }
        Ok(())
    }

    /// Disconnects all clients, and waits until the simulator has delivered the datagrams.
    fn disconnect_and_flush(&mut self) -> Result<()> {
        self.server.stop()?;
        let end = Instant::now() + self.server.link().patience();
        while self.server.link().under_way() > 0 && Instant::now() < end {
            self.turn(Duration::from_millis(10))?;
        }
        self.take_events(false)
    }

    /// Runs a turn, then waits for a datagram or a deadline, `pause` at most.
    fn turn(&mut self, pause: Duration) -> Result<()> {
        let began = Instant::now();
        self.server.update(began)?;
        self.take_events(self.args.relay)?;
        self.server.flush()?;
        if let Some(metrics) = &mut self.metrics {
            metrics.turn(&self.server, began.elapsed());
        }
        self.view.draw(&self.server);
        self.health.turn();
        Ok(self.server.wait(pause)?)
    }

    /// Takes every event of the turn: sends payloads back, or to all other clients.
    fn take_events(&mut self, relay: bool) -> Result<()> {
        let mut changed = false;
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = self.server.next_event(&mut buffer)? {
            match event {
                Event::Payload {
                    client, payload, ..
                } if relay => {
                    self.server.broadcast_except(client, payload)?;
                }
                Event::Payload {
                    client, payload, ..
                } => {
                    self.server.send(client, payload)?;
                }
                Event::Disconnected { reason, .. } => {
                    changed = true;
                    if let Some(metrics) = &mut self.metrics {
                        metrics.left(reason);
                    }
                }
                Event::Connected { .. } => changed = true,
                _ => {}
            }
        }
        if let Some(heartbeats) = self.heartbeats.as_ref().filter(|_| changed) {
            heartbeats.report(&self.server);
        }
        Ok(())
    }
}

/// Last line of the log.
fn totals(stats: &ServerStats) {
    let dropped: Vec<String> = stats
        .dropped
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{count} {}", reason.name()))
        .collect();
    info!(
        connects = stats.connects,
        denied = stats.denied,
        payloads_in = stats.payloads_in,
        payloads_out = stats.payloads_out,
        bytes_in = stats.bytes_in,
        bytes_out = stats.bytes_out,
        dropped = dropped.join(", "),
        "totals"
    );
}
