//! Log of a bridge (`tracing`): a bounded number of lines, whatever strangers send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::event::{EndCause, SessionInfo};
use super::limit::Refusal;
use super::rate::Rate;

/// Lines about single sessions a second; twice as many at once. Further ones are counted.
const SESSION_LINES_PER_SECOND: u32 = 20;

/// Interval of the lines about everything that has no line of its own.
pub(super) const SUMMARY_INTERVAL: Duration = Duration::from_secs(10);

/// Lines that wait to be written together.
pub(super) struct Log(Mutex<Pending>);

struct Pending {
    session_lines: Rate,
    opened: u64,
    ended: u64,
    refused: HashMap<Refusal, Tally>,
}

/// Refusals for one reason since the last line about it.
#[derive(Clone, Copy)]
struct Tally {
    count: u64,
    /// Address of the latest.
    client: IpAddr,
    /// `true` if all came from that address.
    is_alone: bool,
}

impl Log {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Pending {
            session_lines: Rate::new(SESSION_LINES_PER_SECOND, now),
            opened: 0,
            ended: 0,
            refused: HashMap::new(),
        }))
    }

    pub(super) fn opened(&self, now: Instant, session: &SessionInfo) {
        let mut pending = self.pending();
        if !pending.takes_line(now) {
            pending.opened += 1;
            return;
        }
        drop(pending);
        info!(
            session = session.id,
            transport = session.transport.name(),
            client = %session.client,
            server = %session.server,
            // A stranger's text: escaped.
            origin = session.origin.as_ref().map(tracing::field::debug),
            "session opened"
        );
    }

    pub(super) fn ended(&self, now: Instant, session: &SessionInfo, cause: EndCause) {
        let mut pending = self.pending();
        if !pending.takes_line(now) {
            pending.ended += 1;
            return;
        }
        drop(pending);
        info!(
            session = session.id,
            transport = session.transport.name(),
            client = %session.client,
            server = %session.server,
            cause = cause.name(),
            datagrams_to_server = session.datagrams[0],
            datagrams_to_browser = session.datagrams[1],
            "session ended: {cause}"
        );
    }

    /// Logs the first refusal for a reason at once, and counts those that follow.
    pub(super) fn refused(&self, refusal: Refusal, client: IpAddr) {
        let mut pending = self.pending();
        let tally = pending.refused.get_mut(&refusal);
        if let Some(tally) = tally {
            tally.is_alone &= tally.count == 0 || tally.client == client;
            tally.count += 1;
            tally.client = client;
            return;
        }
        let begun = Tally {
            count: 0,
            client,
            is_alone: true,
        };
        pending.refused.insert(refusal, begun);
        drop(pending);
        write(refusal, Tally { count: 1, ..begun });
    }

    /// Writes a line for each kind of event that has been counted. To be called every
    /// [`SUMMARY_INTERVAL`].
    pub(super) fn summarise(&self) {
        let mut pending = self.pending();
        let (opened, ended) = (pending.opened, pending.ended);
        (pending.opened, pending.ended) = (0, 0);
        let counted: Vec<_> = pending.refused.drain().collect();
        for (refusal, tally) in &counted {
            if tally.count > 0 {
                let begun = Tally {
                    count: 0,
                    is_alone: true,
                    ..*tally
                };
                pending.refused.insert(*refusal, begun);
            }
        }
        drop(pending);
        if opened + ended > 0 {
            info!(opened, ended, "further sessions opened and ended");
        }
        for (refusal, tally) in counted {
            if tally.count > 0 {
                write(refusal, tally);
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Takes the room of a line about a session, if there is room.
    fn takes_line(&mut self, now: Instant) -> bool {
        let has_room = self.session_lines.has(now, 1);
        if has_room {
            self.session_lines.take(1);
        }
        has_room
    }
}

/// Writes a line about refusals for one reason.
fn write(refusal: Refusal, tally: Tally) {
    let Tally {
        count,
        client,
        is_alone,
    } = tally;
    let others = if is_alone { "" } else { " and others" };
    match refusal.limit {
        Some(limit) if limit.is_shared() => {
            warn!(count, limit = limit.name(), %client, "limit reached: {limit}{others}");
        }
        Some(limit) => {
            info!(count, limit = limit.name(), %client, "limit reached: {limit}{others}");
        }
        None => {
            let code = refusal.code;
            info!(count, cause = code.name(), %client, "session refused: {code}{others}");
        }
    }
}
