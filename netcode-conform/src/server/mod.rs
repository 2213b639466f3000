//! Checks of servers. The tool plays clients, attackers and broken peers.
//!
//! | file | contents |
//! | --- | --- |
//! | `target` | the server under test |
//! | `first_look` | what a first client learns of it |
//! | `player`, `control` | clients that the tool plays |
//! | `trial` | one attempt at a check |
//! | the others | checks, by subject |

mod control;
mod ending;
mod first_look;
mod full;
mod handshake;
mod hardening;
mod history;
mod payload;
mod player;
mod refused;
mod replay;
mod request;
mod session;
mod survival;
mod target;
mod trial;

use std::sync::{Arc, Mutex};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

pub use ending::DISCONNECT_ME;
pub use first_look::Unreachable;
pub(crate) use handshake::sequence_of;
pub use target::{Known, ServerTarget};
pub(crate) use trial::{PREFIX, date, payload};

use crate::check::{About, Check, Outcome, Role};
use crate::evidence::Log;
use crate::report::Report;
use crate::run::{Laboratory, Options, run};
use target::Shared;
use trial::Trial;

/// All checks of servers, in the order of reports.
fn all() -> Vec<Check<Trial>> {
    [
        request::CHECKS,
        refused::CHECKS,
        handshake::CHECKS,
        session::CHECKS,
        payload::CHECKS,
        replay::CHECKS,
        ending::CHECKS,
        history::CHECKS,
        full::CHECKS,
        survival::CHECKS,
        hardening::CHECKS,
    ]
    .concat()
}

/// The checks of servers.
pub fn server_checks() -> Vec<About> {
    all().iter().map(|check| check.about).collect()
}

/// Checks a server, and calls `progress` with each outcome, from any thread; with a check that had to
/// be run again, twice.
///
/// # Errors
/// [`Unreachable`] if no client can connect at all; it says what to look at.
pub fn check_server(
    target: ServerTarget,
    options: &Options,
    progress: &(dyn Fn(&Outcome) + Sync),
) -> Result<Report, Unreachable> {
    let began = std::time::Instant::now();
    let shared = first_look::first_look(target)?;
    let known = shared.known.clone();
    let laboratory = ServerLaboratory { shared };
    let outcomes = run(&laboratory, &all(), options, progress);
    Ok(Report {
        role: Role::Server,
        subject: laboratory.shared.target.address.to_string(),
        seed: options.seed,
        known: Some(known),
        outcomes,
        took: began.elapsed(),
    })
}

struct ServerLaboratory {
    shared: Arc<Shared>,
}

impl Laboratory for ServerLaboratory {
    type Trial = Trial;

    fn trial(&self, rng: StdRng, log: Log) -> Trial {
        let shared = Arc::clone(&self.shared);
        Trial { shared, rng, log }
    }

    fn slots(&self) -> usize {
        usize::try_from(self.shared.known.max_clients).unwrap_or(1)
    }

    fn is_lossy(&self) -> bool {
        self.shared.known.is_lossy()
    }

    fn answers(&self) -> bool {
        if !self.shared.end().is_empty() {
            return false;
        }
        let mut trial = self.trial(StdRng::seed_from_u64(0), Log::new());
        trial.control().is_ok() || trial.fresh_control().is_ok()
    }

    fn end(&self) -> String {
        self.shared.end()
    }

    fn revive(&self) -> bool {
        let started = self.shared.restart().unwrap_or(false);
        let mut trial = self.trial(StdRng::seed_from_u64(0), Log::new());
        started && trial.answers_again().is_ok()
    }
}

/// State shared by the attempts of a run, before the first look.
fn unknown(target: ServerTarget) -> Shared {
    Shared {
        target,
        known: Known::default(),
        control: Mutex::new(None),
        started: Mutex::new(None),
        used: Mutex::default(),
    }
}
