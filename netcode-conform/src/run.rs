//! Running of checks: side by side where they do not disturb each other, repeated where a network
//! may be to blame, within a time budget.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::check::{Check, Finding, Outcome, Place, Verdict};
use crate::evidence::Log;

/// Options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of everything random: keys, ids, positions.
    pub seed: u64,
    /// Time after which no further check begins.
    pub budget: Duration,
    /// Beginnings of the ids to run; empty for all.
    pub only: Vec<String>,
}

impl Options {
    /// Default time budget.
    pub const BUDGET: Duration = Duration::from_secs(120);

    /// `true` if a check of this id is to be run.
    pub fn selects(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|it| id.starts_with(it.as_str()))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            budget: Self::BUDGET,
            only: Vec::new(),
        }
    }
}

/// Attempts at a check whose first one did not show what the rule demands.
const ATTEMPTS: u32 = 3;

/// Most checks that run side by side.
const MOST_BESIDE: usize = 24;

/// Where the implementation under test is, for the checks of one role.
pub(crate) trait Laboratory: Sync {
    /// One attempt at a check.
    type Trial;

    /// Prepares an attempt.
    fn trial(&self, rng: StdRng, log: Log) -> Self::Trial;

    /// Slots that checks side by side can hold together.
    fn slots(&self) -> usize;

    /// `true` if the network is known to lose datagrams.
    fn is_lossy(&self) -> bool;

    /// `true` if the implementation under test answers.
    fn answers(&self) -> bool;

    /// Starts the implementation under test again; `false` if the tool cannot.
    fn revive(&self) -> bool;
}

/// Runs the selected checks, and calls `progress` after each.
pub(crate) fn run<L: Laboratory>(
    laboratory: &L,
    checks: &[Check<L::Trial>],
    options: &Options,
    progress: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let selected = checks
        .iter()
        .filter(|check| options.selects(check.about.id));
    let (beside, alone): (Vec<_>, Vec<_>) =
        selected.partition(|check| matches!(check.place, Place::Beside(_)));
    let runner = Runner {
        laboratory,
        options,
        end: Instant::now() + options.budget,
        progress,
    };
    let mut outcomes = runner.side_by_side(&beside);
    if !laboratory.answers() {
        runner.again_alone(&beside, &mut outcomes);
    }
    for outcome in &outcomes {
        progress(outcome);
    }
    outcomes.extend(runner.one_by_one(&alone));
    let place = |id| checks.iter().position(|check| check.about.id == id);
    outcomes.sort_by_key(|outcome| place(outcome.about.id));
    outcomes
}

struct Runner<'a, L: Laboratory> {
    laboratory: &'a L,
    options: &'a Options,
    end: Instant,
    progress: &'a (dyn Fn(&Outcome) + Sync),
}

impl<L: Laboratory> Runner<'_, L> {
    fn side_by_side(&self, checks: &[&Check<L::Trial>]) -> Vec<Outcome> {
        // What takes longest begins first.
        let mut order: Vec<_> = checks.to_vec();
        order.sort_by_key(|check| std::cmp::Reverse(check.seconds));
        let queue: Mutex<VecDeque<_>> = Mutex::new(order.into());
        let slots = Slots::new(self.laboratory.slots());
        let outcomes = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..checks.len().min(MOST_BESIDE) {
                scope.spawn(|| {
                    loop {
                        let check = queue
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .pop_front();
                        let Some(check) = check else { break };
                        let Place::Beside(count) = check.place else {
                            break;
                        };
                        let _held = slots.take(count);
                        let outcome = self.attempts(check);
                        outcomes
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(outcome);
                    }
                });
            }
        });
        outcomes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The implementation under test has stopped answering, so everything that did not pass is
    /// run again, one after the other, to find the check that did it.
    fn again_alone(&self, checks: &[&Check<L::Trial>], outcomes: &mut Vec<Outcome>) {
        if !self.laboratory.revive() {
            for outcome in outcomes.iter_mut() {
                if outcome.verdict != Verdict::Pass {
                    outcome.verdict = Verdict::NotObservable(DIED.to_owned());
                }
            }
            return;
        }
        let passed = |outcome: &Outcome| outcome.verdict == Verdict::Pass;
        outcomes.retain(passed);
        let done: Vec<_> = outcomes.iter().map(|outcome| outcome.about.id).collect();
        let rest = checks
            .iter()
            .filter(|check| !done.contains(&check.about.id));
        let rest: Vec<_> = rest.copied().collect();
        outcomes.extend(self.one_by_one(&rest));
    }

    fn one_by_one(&self, checks: &[&Check<L::Trial>]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut died_in: Option<&str> = None;
        for check in checks {
            let outcome = match died_in {
                Some(id) => not_run(
                    check,
                    format!("the implementation stopped answering in {id}"),
                ),
                None => self.attempts(check),
            };
            if died_in.is_none() && !self.laboratory.answers() && !self.laboratory.revive() {
                died_in = Some(check.about.id);
            }
            (self.progress)(&outcome);
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Attempts a check until it is decided.
    fn attempts(&self, check: &Check<L::Trial>) -> Outcome {
        let began = Instant::now();
        let mut findings = Vec::new();
        let mut evidence = Vec::new();
        let mut attempts = 0;
        let mut passes = 0;
        while attempts < ATTEMPTS {
            if Instant::now() >= self.end {
                break;
            }
            attempts += 1;
            let log = Log::new();
            let mut trial = self
                .laboratory
                .trial(self.rng(check, attempts), log.clone());
            let done = (check.run)(&mut trial);
            drop(trial);
            match done {
                Ok(()) => passes += 1,
                Err(finding) => {
                    evidence = log.take();
                    let decided = !matches!(finding, Finding::Missing(_));
                    findings.push(finding);
                    if decided {
                        break;
                    }
                }
            }
            // The first pass decides, after a failure two of three.
            if passes > u32::from(attempts > 1) {
                break;
            }
        }
        let verdict = if attempts == 0 {
            Verdict::NotObservable("the time budget is used up: raise --budget".to_owned())
        } else {
            self.decide(findings, passes)
        };
        Outcome {
            about: check.about,
            verdict,
            evidence,
            attempts,
            took: began.elapsed(),
        }
    }

    fn decide(&self, mut findings: Vec<Finding>, passes: u32) -> Verdict {
        let missed = findings.len();
        match findings.pop() {
            None => Verdict::Pass,
            Some(Finding::Wrong(text) | Finding::Silent(text)) => Verdict::Fail(text),
            Some(Finding::Unobservable(text)) => Verdict::NotObservable(text),
            Some(Finding::Missing(_)) if passes > 1 => Verdict::Pass,
            Some(Finding::Missing(text)) if passes > 0 && self.laboratory.is_lossy() => {
                Verdict::NotObservable(format!(
                    "{text}, in {missed} of {} attempts; the network loses datagrams, so repeat \
                     it over a better one",
                    missed + 1
                ))
            }
            Some(Finding::Missing(text)) => Verdict::Fail(text),
        }
    }

    fn rng(&self, check: &Check<L::Trial>, attempt: u32) -> StdRng {
        let mut hasher = DefaultHasher::new();
        (self.options.seed, check.about.id, attempt).hash(&mut hasher);
        StdRng::seed_from_u64(hasher.finish())
    }
}

/// Reason of checks that were under way when the implementation under test stopped answering.
const DIED: &str = "the implementation stopped answering while checks ran side by side; with a \
                    command to start it, the tool finds out which one did it";

fn not_run<T>(check: &Check<T>, reason: String) -> Outcome {
    Outcome {
        about: check.about,
        verdict: Verdict::NotObservable(reason),
        evidence: Vec::new(),
        attempts: 0,
        took: Duration::ZERO,
    }
}

/// Slots of a server that checks hold while they run.
struct Slots {
    free: Mutex<usize>,
    all: usize,
    freed: Condvar,
}

impl Slots {
    fn new(all: usize) -> Self {
        let all = all.max(1);
        Self {
            free: Mutex::new(all),
            all,
            freed: Condvar::new(),
        }
    }

    /// Waits for so many slots; all, if there are not as many.
    fn take(&self, count: usize) -> Held<'_> {
        let count = count.min(self.all);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < count {
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= count;
        Held { slots: self, count }
    }
}

struct Held<'a> {
    slots: &'a Slots,
    count: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut free = self
            .slots
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *free += self.count;
        self.slots.freed.notify_all();
    }
}
