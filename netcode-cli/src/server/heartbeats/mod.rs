//! Heartbeats to a matchmaker, in a thread of their own: a slow backend never delays the main loop.
//!
//! | file | contents |
//! | --- | --- |
//! | `options` | name, addresses and bridge of this server |
//! | `report` | state of the server, which the main loop leaves for the thread |
//! | `schedule` | time of the next heartbeat |
//! | `figures` | outcomes, for Prometheus |

mod figures;
mod options;
mod report;
mod schedule;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use netcode_std::Server;
use serde_json::{Value, json};
use tracing::{info, warn};

pub(super) use self::figures::Figures;
pub(super) use self::options::MemberArgs;
use self::report::{Report, Shared, Stage};
use self::schedule::Schedule;
use crate::matchmaker::{Backend, Failure};
use crate::network::Network;

/// Maximum number of clients that a heartbeat names.
const MOST_NAMED: usize = 16_384;

/// Server of a fleet, as its matchmaker knows it.
struct Member {
    backend: Backend,
    name: String,
    /// Fields of a heartbeat that do not change.
    fixed: serde_json::Map<String, Value>,
}

/// Heartbeats under way.
pub(super) struct Heartbeats {
    shared: Arc<Shared>,
    timeout: Duration,
}

impl Heartbeats {
    /// Begins to send them.
    fn start(member: Member, timeout: Duration, figures: Arc<Figures>) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let sender = Sender {
            member,
            shared: Arc::clone(&shared),
            figures,
            schedule: Schedule::new(Instant::now()),
            failure: None,
            registered: false,
        };
        thread::Builder::new()
            .name("heartbeats".to_owned())
            .spawn(move || sender.run())
            .context("cannot start a thread")?;
        Ok(Self { shared, timeout })
    }

    /// Reports the clients, after one has come or gone.
    pub(super) fn report(&self, server: &Server<Network>) {
        let clients = server.core().clients();
        let clients = clients.map(|info| info.client_id).collect();
        self.shared.set_clients(clients);
    }

    /// `true` once the matchmaker has accepted a heartbeat.
    pub(super) fn is_registered(&self) -> bool {
        self.shared.is_registered()
    }

    /// Tells the matchmaker at once that no more clients may come.
    pub(super) fn drain(&self) {
        self.shared.set_stage(Stage::Draining);
    }

    /// `true` once the matchmaker was told so, or could not be.
    pub(super) fn has_told(&self) -> bool {
        self.shared.sent() >= Some(Stage::Draining)
    }

    /// Maximum time in which it is told.
    pub(super) fn patience(&self) -> Duration {
        self.timeout
    }

    /// Sends the last one, and waits for its answer.
    pub(super) fn end(&self) {
        self.shared.set_clients(Vec::new());
        self.shared.set_stage(Stage::Ended);
        self.shared.wait_until_ended(self.timeout);
    }
}

/// Thread that sends heartbeats.
struct Sender {
    member: Member,
    shared: Arc<Shared>,
    figures: Arc<Figures>,
    schedule: Schedule,
    /// Failure of the last heartbeat.
    failure: Option<Failure>,
    registered: bool,
}

impl Sender {
    fn run(mut self) {
        let mut last = None;
        loop {
            let report = self.shared.next(&self.schedule, last.as_ref());
            let stage = report.stage;
            let answer = self.member.send(&report);
            let now = Instant::now();
            match answer {
                Ok(next_within) => {
                    self.accepted();
                    self.schedule.accepted(now, next_within);
                }
                Err(failure) => {
                    self.schedule.failed(now, failure.retry_after());
                    self.failed(failure);
                }
            }
            last = Some(report);
            self.shared.set_sent(stage);
            if stage == Stage::Ended {
                return;
            }
        }
    }

    fn accepted(&mut self) {
        self.figures.accepted();
        self.shared.set_registered();
        if !self.registered {
            let server = &self.member.name;
            info!(server, matchmaker = %self.member.backend.url(), "registered at the matchmaker");
        } else if self.failure.is_some() {
            info!("the matchmaker accepts heartbeats again");
        }
        self.registered = true;
        self.failure = None;
    }

    /// Counts a failure, and logs it unless the last heartbeat failed for the same cause.
    fn failed(&mut self, failure: Failure) {
        self.figures.failed(&failure);
        let known = self.failure.as_ref();
        if !known.is_some_and(|known| known.is_like(&failure)) {
            warn!("no players are sent here: {failure}; heartbeats go on");
        }
        self.failure = Some(failure);
    }
}

impl Member {
    /// Sends a heartbeat; the time within which the matchmaker expects the next one.
    fn send(&self, report: &Report) -> Result<Duration, Failure> {
        let answer = self.backend.call(
            "PUT",
            &format!("/v1/servers/{}", self.name),
            &self.body(report),
        )?;
        match answer.get("nextWithinSeconds").and_then(Value::as_u64) {
            Some(seconds) => Ok(Duration::from_secs(seconds)),
            None => Err(Failure::Malformed("no `nextWithinSeconds`".to_owned())),
        }
    }

    fn body(&self, report: &Report) -> Value {
        let clients = report.clients.iter().take(MOST_NAMED);
        let clients: Vec<String> = clients.map(ToString::to_string).collect();
        let mut body = self.fixed.clone();
        body.insert("connected".to_owned(), json!(report.clients.len()));
        body.insert("clients".to_owned(), json!(clients));
        body.insert("draining".to_owned(), json!(report.stage > Stage::Open));
        Value::Object(body)
    }
}
