//! Running of checks: side by side where they do not disturb each other, repeated where a network
//! may be to blame, within a time budget.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::check::{Check, Finding, Outcome, Place, Verdict};
use crate::evidence::{Direction, Entry, Log};
use crate::slots::Slots;

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

/// The same where the first look saw the network lose datagrams: some checks send a datagram once,
/// because a copy would change its meaning.
const ATTEMPTS_IF_LOSSY: u32 = 9;

/// Most checks that run side by side.
const MOST_BESIDE: usize = 24;

/// Time within which the end of a program that the tool started is noticed.
const WATCH: Duration = Duration::from_millis(40);

/// Time within which it is noticed that an implementation has stopped answering: that of an
/// exchange, and of two with the control.
const NOTICE: Duration = Duration::from_secs(5);

/// Place of the implementation under test, for the checks of one role.
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

    /// Last output of an implementation that does not answer, if it has ended.
    fn end(&self) -> String;

    /// Starts the implementation under test again; `false` if the tool cannot.
    fn revive(&self) -> bool;
}

/// Runs the selected checks, and calls `progress` after each, from any thread. A check that has to be
/// run again is reported again.
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
        silent: AtomicBool::new(false),
        progress,
    };
    let mut outcomes = runner.beside(&beside);
    outcomes.extend(runner.one_by_one(&alone));
    let place = |id| checks.iter().position(|check| check.about.id == id);
    outcomes.sort_by_key(|outcome| place(outcome.about.id));
    outcomes
}

struct Runner<'a, L: Laboratory> {
    laboratory: &'a L,
    options: &'a Options,
    end: Instant,
    /// Set when the implementation under test has stopped answering, until it is started again.
    silent: AtomicBool,
    progress: &'a (dyn Fn(&Outcome) + Sync),
}

impl<L: Laboratory> Runner<'_, L> {
    /// Runs checks side by side. If the implementation under test stops answering, the ones that
    /// did it are found one after the other, and the rest is run again.
    fn beside(&self, checks: &[&Check<L::Trial>]) -> Vec<Outcome> {
        let mut outcomes = self.side_by_side(checks);
        if !self.is_silent() {
            return outcomes;
        }
        let rest = without(checks, &outcomes);
        if !self.revive() {
            outcomes.extend(rest.iter().map(|check| not_run(check, DIED.to_owned())));
            return outcomes;
        }
        let (long, quick): (Vec<_>, Vec<_>) = rest.into_iter().partition(|it| it.seconds > 0);
        outcomes.extend(self.one_by_one(&quick));
        let again = self.side_by_side(&long);
        let rest = without(&long, &again);
        outcomes.extend(again);
        if self.is_silent() {
            self.revive();
        }
        outcomes.extend(self.one_by_one(&rest));
        outcomes
    }

    /// Runs checks side by side. Gives the outcomes from before the implementation under test
    /// stopped answering, if it did: silence after that is no proof of anything.
    fn side_by_side(&self, checks: &[&Check<L::Trial>]) -> Vec<Outcome> {
        // What takes longest begins first.
        let mut order: Vec<_> = checks.to_vec();
        order.sort_by_key(|check| std::cmp::Reverse(check.seconds));
        let queue: Mutex<VecDeque<_>> = Mutex::new(order.into());
        let slots = Slots::new(self.laboratory.slots());
        let outcomes = Mutex::new(Vec::new());
        let at_work = AtomicBool::new(true);
        let silent_since = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..checks.len().min(MOST_BESIDE))
                .map(|_| scope.spawn(|| self.work(&queue, &slots, &outcomes)))
                .collect();
            let watch = scope.spawn(|| self.watch(&at_work));
            for worker in workers {
                // A panic of a check is the tool's own: it ends the scope as well.
                let _ = worker.join();
            }
            at_work.store(false, Ordering::Relaxed);
            watch.join().ok().flatten()
        });
        let outcomes = outcomes
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let trusted = |finished: Instant| match silent_since {
            None => true,
            Some(noticed) if !self.laboratory.end().is_empty() => finished + WATCH < noticed,
            Some(noticed) => finished + NOTICE < noticed,
        };
        let trusted = outcomes
            .into_iter()
            .filter(|(_, finished)| trusted(*finished));
        trusted.map(|(outcome, _)| outcome).collect()
    }

    /// Takes checks from the queue, until it is empty or the implementation is silent.
    fn work(
        &self,
        queue: &Mutex<VecDeque<&Check<L::Trial>>>,
        slots: &Slots,
        outcomes: &Mutex<Vec<(Outcome, Instant)>>,
    ) {
        loop {
            let next = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(check) = next else { break };
            let Place::Beside(count) = check.place else {
                break;
            };
            let _held = slots.take(count);
            if self.silent.load(Ordering::Relaxed) {
                break;
            }
            let done = (self.attempts(check), Instant::now());
            outcomes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(done);
        }
    }

    /// Time at which the implementation under test was found to have stopped answering.
    fn watch(&self, at_work: &AtomicBool) -> Option<Instant> {
        while at_work.load(Ordering::Relaxed) {
            if !self.laboratory.end().is_empty() {
                self.silent.store(true, Ordering::Relaxed);
            }
            if self.silent.load(Ordering::Relaxed) {
                return Some(Instant::now());
            }
            std::thread::sleep(WATCH / 2);
        }
        self.is_silent().then(Instant::now)
    }

    fn one_by_one(&self, checks: &[&Check<L::Trial>]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut died_in: Option<&str> = None;
        for check in checks {
            let mut outcome = match died_in {
                Some(id) => not_run(
                    check,
                    format!("the implementation stopped answering in {id}"),
                ),
                None => self.attempts(check),
            };
            if died_in.is_none() && self.is_silent() {
                if !matches!(outcome.verdict, Verdict::Fail(_)) {
                    // Nothing else was under way.
                    let end = self.laboratory.end();
                    let text = "the implementation stopped answering after this check";
                    outcome.verdict = Verdict::Fail(format!("{text}: {end}"));
                }
                if !self.revive() {
                    died_in = Some(check.about.id);
                }
            }
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
        let most = if self.laboratory.is_lossy() {
            ATTEMPTS_IF_LOSSY
        } else {
            ATTEMPTS
        };
        while attempts < most {
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
                    let finding = self.examine(finding, &evidence);
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
        let outcome = Outcome {
            about: check.about,
            verdict,
            evidence,
            attempts,
            took: began.elapsed(),
        };
        (self.progress)(&outcome);
        outcome
    }

    /// Tells an answer that did not come from an implementation that has stopped answering.
    fn examine(&self, finding: Finding, evidence: &[Entry]) -> Finding {
        let text = match finding {
            Finding::Silent(text) => text,
            Finding::Missing(text) if self.is_silent() => {
                let sent = |entry: &&Entry| entry.direction == Direction::Sent;
                let sent: Vec<_> = evidence.iter().filter(sent).map(|it| &*it.text).collect();
                let last = sent.iter().rev().take(3).rev().copied().collect::<Vec<_>>();
                format!(
                    "{text}; it has stopped answering, after: {}",
                    last.join(", ")
                )
            }
            other => return other,
        };
        self.silent.store(true, Ordering::Relaxed);
        let end = self.laboratory.end();
        Finding::Silent(if end.is_empty() {
            text
        } else {
            format!("{text} ({end})")
        })
    }

    fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed) || !self.laboratory.answers()
    }

    /// Starts the implementation under test again.
    fn revive(&self) -> bool {
        let alive = self.laboratory.revive();
        self.silent.store(!alive, Ordering::Relaxed);
        alive
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

/// Checks that have no outcome yet.
fn without<'a, T>(checks: &[&'a Check<T>], outcomes: &[Outcome]) -> Vec<&'a Check<T>> {
    let done = |id| outcomes.iter().any(|outcome| outcome.about.id == id);
    let rest = checks.iter().filter(|check| !done(check.about.id));
    rest.copied().collect()
}

fn not_run<T>(check: &Check<T>, reason: String) -> Outcome {
    Outcome {
        about: check.about,
        verdict: Verdict::NotObservable(reason),
        evidence: Vec::new(),
        attempts: 0,
        took: Duration::ZERO,
    }
}
