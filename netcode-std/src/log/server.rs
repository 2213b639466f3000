//! Log lines of a server.

use std::net::SocketAddr;
use std::time::Instant;

use netcode_core::Dropped;
use netcode_core::crypto::Crypto;
use netcode_core::server::{Event, Server};
use tracing::field::display;
use tracing::{Level, debug, info, warn};

use super::cause::Cause;
use super::refusals::{Host, Refusal, Refusals};

const TARGET: &str = "netcode_std::server";

/// Log of a server: refused datagrams until the next line about them.
pub(crate) struct ServerLog {
    now: Instant,
    /// Refusals that an operator should know.
    notable: Refusals,
    /// Refusals that any stranger can cause. Apart from the others, so that a flood of them
    /// displaces none.
    noise: Refusals,
    /// Value of the server's counter at the last denied request.
    denied: u64,
}

impl ServerLog {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            now,
            notable: Refusals::new(),
            noise: Refusals::new(),
            denied: 0,
        }
    }

    pub(crate) fn started<C: Crypto>(&self, core: &Server<'_, C>, addresses: &[SocketAddr]) {
        let config = core.config();
        info!(
            target: TARGET,
            bound = ?addresses,
            max_clients = config.max_clients,
            protocol_id = %config.protocol_id,
            "server started"
        );
    }

    pub(crate) fn stopped<C: Crypto>(&mut self, core: &Server<'_, C>) {
        self.report(true);
        let connects = core.stats().connects;
        info!(target: TARGET, connects, "server stopped");
    }

    /// Begins a turn: writes the lines that are due.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.now = now;
        self.report(false);
    }

    /// Time at which the next lines are due, while refusals are counted.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let due = [self.notable.due(), self.noise.due()];
        due.into_iter().flatten().min()
    }

    /// Writes a line for a client that connected or left. A payload costs a comparison.
    pub(crate) fn event<C: Crypto, P>(&self, core: &Server<'_, C>, event: &Event<P>) {
        match *event {
            Event::Connected { client, client_id } => {
                let address = core.client(client).and_then(|info| info.address);
                let address = address.map(display);
                let client = client.0;
                info!(target: TARGET, client, %client_id, address, "client connected");
            }
            Event::Disconnected {
                client,
                client_id,
                reason,
            } => {
                let (client, name) = (client.0, reason.name());
                info!(target: TARGET, client, %client_id, reason = name, "client left: {reason}");
            }
            _ => {}
        }
    }

    pub(crate) fn dropped(&mut self, from: SocketAddr, reason: Dropped) {
        self.refused(from, Cause::Dropped(reason));
    }

    /// Counts a reply that denied its request.
    pub(crate) fn replied<C: Crypto>(&mut self, core: &Server<'_, C>, to: SocketAddr) {
        let denied = core.stats().denied;
        if std::mem::replace(&mut self.denied, denied) != denied {
            self.refused(to, Cause::Denied);
        }
    }

    fn refused(&mut self, from: SocketAddr, cause: Cause) {
        if cause.level() == Level::DEBUG {
            // Nobody may be interested in them, but everybody can cause them.
            if tracing::enabled!(target: TARGET, Level::DEBUG) {
                self.noise.count(self.now, Host::of(from), cause);
            }
        } else {
            self.notable.count(self.now, Host::of(from), cause);
        }
    }

    fn report(&mut self, all: bool) {
        for refusals in [&mut self.notable, &mut self.noise] {
            if all || refusals.due().is_some_and(|due| due <= self.now) {
                refusals.take(write);
            }
        }
    }
}

fn write(refusal: &Refusal) {
    let &Refusal { cause, count, .. } = refusal;
    let host = refusal.host.as_ref().map(display);
    let (reason, level) = (cause.name(), cause.level());
    if level == Level::WARN {
        warn!(target: TARGET, reason, count, host, "{refusal}");
    } else if level == Level::INFO {
        info!(target: TARGET, reason, count, host, "{refusal}");
    } else {
        debug!(target: TARGET, reason, count, host, "{refusal}");
    }
}
