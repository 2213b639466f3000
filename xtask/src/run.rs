//! Running of steps, and counting of results.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::outcome::{Outcome, Tests};
use crate::steps::Step;

/// Runs `steps` in order and goes on after failures. The last line is `N passed, N failed`.
pub(crate) fn run(steps: &[&Step]) -> ExitCode {
    let mut reports = Vec::with_capacity(steps.len());
    for step in steps {
        println!("\n==> {}: {}", step.name, step.about);
        let began = Instant::now();
        let report = Report::new(step.name, (step.run)(), began.elapsed());
        println!("<== {report}");
        reports.push(report);
    }
    conclude(&reports)
}

/// Runs one step with options of its own.
pub(crate) fn run_with(name: &'static str, step: impl FnOnce() -> Result<Outcome>) -> ExitCode {
    let began = Instant::now();
    let outcome = step();
    conclude(&[Report::new(name, outcome, began.elapsed())])
}

fn conclude(reports: &[Report]) -> ExitCode {
    println!();
    for report in reports {
        println!("{report}");
        for failure in &report.tests.failures {
            println!("    {failure}");
        }
    }
    if reports.len() > 1 {
        let took: Duration = reports.iter().map(|report| report.took).sum();
        println!("{:<11} {:>6.1} s", "all", took.as_secs_f64());
    }
    let mut total = Tests::default();
    for report in reports {
        total.add(report.tests.clone());
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    // A run in which all steps were skipped proves nothing.
    if total.failed == 0 && total.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Result of one step.
struct Report {
    name: &'static str,
    tests: Tests,
    words: String,
    took: Duration,
}

impl Report {
    fn new(name: &'static str, outcome: Result<Outcome>, took: Duration) -> Self {
        let (tests, words) = match outcome {
            Ok(Outcome::Passed) => (Tests::counted(1, 0), "ok".to_owned()),
            Ok(Outcome::Skipped(why)) => (Tests::default(), format!("SKIPPED: {why}")),
            Ok(Outcome::Tests(tests)) => {
                let state = if tests.failed == 0 { "ok" } else { "FAILED" };
                let words = format!("{state}: {} passed, {} failed", tests.passed, tests.failed);
                (tests, words)
            }
            Err(error) => (Tests::counted(0, 1), format!("FAILED: {error:#}")),
        };
        Self {
            name,
            tests,
            words,
            took,
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:<11} {:>6.1} s  {}",
            self.name,
            self.took.as_secs_f64(),
            self.words
        )
    }
}
