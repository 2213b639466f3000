//! Reports of a run: a table for people, JSON and JUnit XML for programs.

mod json;
mod junit;
mod table;

pub use table::list;

use std::time::Duration;

use crate::check::{Group, Outcome, Role, Verdict};
use crate::server::Known;

/// Result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Role of the implementation under test.
    pub role: Role,
    /// Its address or its command.
    pub subject: String,
    /// Seed of the run.
    pub seed: u64,
    /// Result of the first look at a server.
    pub known: Option<Known>,
    /// One outcome for each check that was selected, in the order of the list.
    pub outcomes: Vec<Outcome>,
    /// Time of the run.
    pub took: Duration,
}

/// Numbers of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Checks that passed.
    pub pass: usize,
    /// Checks that failed.
    pub fail: usize,
    /// Checks that the run does not decide.
    pub not_observable: usize,
}

impl Report {
    /// Numbers of outcomes in a group.
    pub fn counts(&self, group: Group) -> Counts {
        let mut counts = Counts::default();
        for outcome in self.outcomes.iter().filter(|it| it.about.group == group) {
            match outcome.verdict {
                Verdict::Pass => counts.pass += 1,
                Verdict::Fail(_) => counts.fail += 1,
                Verdict::NotObservable(_) => counts.not_observable += 1,
            }
        }
        counts
    }

    /// Ids of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |it: &&Outcome| matches!(it.verdict, Verdict::Fail(_));
        self.outcomes
            .iter()
            .filter(failed)
            .map(|it| it.about.id)
            .collect()
    }

    /// `true` if no check failed.
    pub fn is_good(&self) -> bool {
        self.failed().is_empty()
    }
}
