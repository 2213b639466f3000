//! Checks of clients. The tool plays servers, attackers and broken peers.
//!
//! | file | contents |
//! | --- | --- |
//! | `target` | the client under test, and how one is started |
//! | `played` | servers that the tool plays |
//! | `trial` | one attempt at a check |
//! | the others | checks, by subject |

mod connecting;
mod payload;
mod played;
mod requesting;
mod session;
mod target;
mod trial;

use std::fmt;
use std::sync::Arc;

use rand::rngs::StdRng;

pub use target::{ClientStart, ClientTarget};

use crate::check::{About, Check, Finding, Outcome, Place, Role};
use crate::evidence::Log;
use crate::report::Report;
use crate::run::{Laboratory, Options, run};
use crate::server::payload;
use trial::Trial;

/// All checks of clients, in the order of reports.
fn all() -> Vec<Check<Trial>> {
    [
        requesting::CHECKS,
        connecting::CHECKS,
        payload::CHECKS,
        session::CHECKS,
    ]
    .concat()
}

/// The checks of clients.
pub fn client_checks() -> Vec<About> {
    all().iter().map(|check| check.about).collect()
}

/// No client connects at all, so that nothing can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoClient(String);

impl fmt::Display for NoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no client connects: {}. Does the command start a client that reads the token's 2048 \
             bytes from the file it is given?",
            self.0
        )
    }
}

impl std::error::Error for NoClient {}

/// Checks a client, and calls `progress` with each outcome, from any thread.
///
/// # Errors
/// [`NoClient`] if the first client does not connect.
pub fn check_client(
    target: ClientTarget,
    options: &Options,
    progress: &(dyn Fn(&Outcome) + Sync),
) -> Result<Report, NoClient> {
    let began = std::time::Instant::now();
    let subject = match &target.start {
        ClientStart::Command(words) => words.join(" "),
        ClientStart::ByHand { token, .. } => token.display().to_string(),
    };
    let by_hand = matches!(target.start, ClientStart::ByHand { .. });
    let mut laboratory = ClientLaboratory {
        target: Arc::new(target),
        echo: false,
    };
    laboratory.echo = laboratory.first_look().map_err(|finding| {
        NoClient(match finding {
            Finding::Wrong(text) | Finding::Missing(text) => text,
            Finding::Unobservable(text) | Finding::Silent(text) => text,
        })
    })?;
    let mut checks = all();
    if by_hand {
        // There is one file for the token, and one pair of hands.
        for check in &mut checks {
            check.place = Place::Alone;
        }
    }
    let outcomes = run(&laboratory, &checks, options, progress);
    Ok(Report {
        role: Role::Client,
        subject,
        seed: options.seed,
        known: None,
        outcomes,
        took: began.elapsed(),
    })
}

struct ClientLaboratory {
    target: Arc<ClientTarget>,
    echo: bool,
}

impl ClientLaboratory {
    /// Connects a client, and sees whether it sends payloads back.
    fn first_look(&self) -> Result<bool, Finding> {
        let mut trial = self.trial(rand::make_rng(), Log::new());
        let (mut server, _running) = trial.connected(|_| ())?;
        Ok(server.echo(&payload("first", 40)).is_ok())
    }
}

/// Clients that run at the same time. Each is a process of its own.
const MOST_CLIENTS: usize = 16;

impl Laboratory for ClientLaboratory {
    type Trial = Trial;

    fn trial(&self, rng: StdRng, log: Log) -> Trial {
        Trial {
            target: Arc::clone(&self.target),
            echo: self.echo,
            rng,
            log,
        }
    }

    fn slots(&self) -> usize {
        MOST_CLIENTS
    }

    fn is_lossy(&self) -> bool {
        false
    }

    /// Each attempt has a client of its own.
    fn answers(&self) -> bool {
        true
    }

    fn end(&self) -> String {
        String::new()
    }

    fn revive(&self) -> bool {
        false
    }
}
