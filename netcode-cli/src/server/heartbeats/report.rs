//! State of the server, which the main loop leaves for the thread that sends heartbeats.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use netcode_std::ClientId;

use super::schedule::Schedule;

/// Stage of a server's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    #[default]
    Open,
    Draining,
    Ended,
}

/// State of a server at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) stage: Stage,
    pub(super) clients: Vec<ClientId>,
}

/// Newest report, and what became of earlier ones.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    report: Report,
    /// Stage of the last heartbeat that was sent, accepted or not.
    sent: Option<Stage>,
    registered: bool,
}

impl Shared {
    /// Held for moments: never during a request.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_clients(&self, clients: Vec<ClientId>) {
        self.state().report.clients = clients;
        self.changed.notify_all();
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        self.state().report.stage = stage;
        self.changed.notify_all();
    }

    pub(super) fn set_sent(&self, stage: Stage) {
        self.state().sent = Some(stage);
        self.changed.notify_all();
    }

    pub(super) fn set_registered(&self) {
        self.state().registered = true;
    }

    pub(super) fn sent(&self) -> Option<Stage> {
        self.state().sent
    }

    pub(super) fn is_registered(&self) -> bool {
        self.state().registered
    }

    /// Waits until a heartbeat is due after `last`; the report to send.
    pub(super) fn next(&self, schedule: &Schedule, last: Option<&Report>) -> Report {
        let mut state = self.state();
        loop {
            let wait = schedule.wait(Instant::now(), last, &state.report);
            if wait.is_zero() {
                return state.report.clone();
            }
            let waited = self.changed.wait_timeout(state, wait);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until the last heartbeat was sent, `limit` at most.
    pub(super) fn wait_until_ended(&self, limit: Duration) {
        let waiting = |state: &mut State| state.sent < Some(Stage::Ended);
        let _ = self
            .changed
            .wait_timeout_while(self.state(), limit, waiting);
    }
}
