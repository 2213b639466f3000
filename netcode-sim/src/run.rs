//! Runs of many worlds, in threads; progress, coverage, and reports of what failed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Result, bail};

use crate::PANIC;
use crate::coverage::Coverage;
use crate::plan::{Plan, SECOND};
use crate::shrink::shrink;
use crate::trace::Trace;
use crate::world;

/// Worlds to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Number of worlds.
    pub worlds: u64,
    /// Seed of the first; the others follow it.
    pub seed: u64,
    /// Threads.
    pub jobs: usize,
    /// Print the trace of every world.
    pub trace: bool,
    /// Stop at the first violation, report no coverage, shrink nothing.
    pub hunt: bool,
    /// Fail if something possible never happened.
    pub complete: bool,
}

struct Failure {
    seed: u64,
    invariant: String,
    detail: String,
}

#[derive(Default)]
struct Sum {
    coverage: Coverage,
    worlds: u64,
    steps: u64,
    time: u64,
    failures: Vec<Failure>,
}

/// Runs worlds and prints what happened.
///
/// # Errors
/// An invariant failed, or something possible never happened and [`Options::complete`] is set.
pub fn run(options: &Options) -> Result<()> {
    let began = Instant::now();
    let (next, stop, sum) = (
        AtomicU64::new(0),
        AtomicBool::new(false),
        Mutex::new(Sum::default()),
    );
    // The report names what panicked; a backtrace of each is noise.
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| work(options, began, &next, &stop, &sum));
        }
    });
    let _ = std::panic::take_hook();
    let sum = sum.into_inner().unwrap_or_default();
    let seconds = began.elapsed().as_secs_f64();
    if options.hunt {
        return hunted(&sum);
    }
    print_coverage(&sum.coverage);
    println!(
        "{} worlds, {} steps, {} s of virtual time in {seconds:.1} s: {:.0} worlds and {:.0} steps a second",
        sum.worlds,
        sum.steps,
        sum.time / SECOND,
        sum.worlds as f64 / seconds,
        sum.steps as f64 / seconds
    );
    report(options, &sum)?;
    let never = sum.coverage.never();
    if options.complete && !never.is_empty() {
        bail!("{} possible things never happened", never.len());
    }
    Ok(())
}

fn work(options: &Options, began: Instant, next: &AtomicU64, stop: &AtomicBool, sum: &Mutex<Sum>) {
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.worlds {
            return;
        }
        let seed = options.seed.wrapping_add(number);
        let plan = Plan::from_seed(seed);
        let trace = if options.trace {
            Trace::on()
        } else {
            Trace::default()
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| world::run(&plan, trace)));
        let Ok(mut sum) = sum.lock() else {
            return;
        };
        sum.worlds += 1;
        let failure = match outcome {
            Ok(outcome) => {
                if options.trace {
                    println!("{plan:#?}");
                    outcome.trace.iter().for_each(|line| println!("{line}"));
                }
                sum.coverage.add(outcome.coverage);
                sum.steps += outcome.steps;
                sum.time += outcome.time;
                outcome
                    .violation
                    .map(|it| (it.invariant.to_owned(), it.detail))
            }
            Err(panic) => Some((PANIC.to_owned(), words(panic.as_ref()))),
        };
        if let Some((invariant, detail)) = failure {
            if !options.hunt {
                eprintln!("seed {seed}: {invariant}: {detail}");
            }
            sum.failures.push(Failure {
                seed,
                invariant,
                detail,
            });
            stop.store(options.hunt, Ordering::Relaxed);
        }
        if !options.hunt && sum.worlds.is_multiple_of((options.worlds / 20).max(100)) {
            let seconds = began.elapsed().as_secs_f64();
            eprintln!(
                "{:>8} worlds, {:>10} steps, {:.0} worlds a second, {} violations",
                sum.worlds,
                sum.steps,
                sum.worlds as f64 / seconds,
                sum.failures.len()
            );
        }
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
    text.unwrap_or_else(|| "a panic without words".into())
}

/// Result of a hunt for one fault: one line that a program reads.
fn hunted(sum: &Sum) -> Result<()> {
    let Some(first) = sum.failures.first() else {
        println!("found nothing in {} worlds", sum.worlds);
        return Ok(());
    };
    println!(
        "found after {} worlds: seed {}: {}: {}",
        sum.worlds, first.seed, first.invariant, first.detail
    );
    bail!("an invariant failed")
}

fn print_coverage(coverage: &Coverage) {
    println!("{:>12}  what happened", "times");
    for (what, count) in coverage.table() {
        let count = if count == 0 {
            "NEVER".to_owned()
        } else {
            count.to_string()
        };
        println!("{count:>12}  {what}");
    }
}

fn report(options: &Options, sum: &Sum) -> Result<()> {
    if sum.failures.is_empty() {
        return Ok(());
    }
    let mut invariants: BTreeMap<&str, Vec<&Failure>> = BTreeMap::new();
    for failure in &sum.failures {
        invariants
            .entry(&failure.invariant)
            .or_default()
            .push(failure);
    }
    for (invariant, failures) in &invariants {
        println!("\nVIOLATED in {} worlds: {invariant}", failures.len());
        for failure in failures.iter().take(5) {
            println!("  seed {}: {}", failure.seed, failure.detail);
        }
    }
    if let Some(failure) = sum.failures.iter().min_by_key(|failure| failure.seed) {
        print_shrunk(options, failure);
    }
    bail!(
        "{} of {} worlds violate an invariant",
        sum.failures.len(),
        sum.worlds
    )
}

fn print_shrunk(options: &Options, failure: &Failure) {
    std::panic::set_hook(Box::new(|_| {}));
    let shrunk = shrink(&Plan::from_seed(failure.seed), &failure.invariant);
    let outcome = catch_unwind(AssertUnwindSafe(|| world::run(&shrunk.plan, Trace::on())));
    let _ = std::panic::take_hook();
    println!(
        "\nseed {}, shrunk in {} worlds:\n{:#?}",
        failure.seed, shrunk.runs, shrunk.plan
    );
    let trace = outcome.map(|outcome| outcome.trace).unwrap_or_default();
    let most = if options.worlds == 1 { usize::MAX } else { 120 };
    let skipped = trace.len().saturating_sub(most);
    if skipped > 0 {
        println!(
            "… {skipped} lines; the whole trace: cargo xtask sim --worlds 1 --seed {}",
            failure.seed
        );
    }
    trace
        .iter()
        .skip(skipped)
        .for_each(|line| println!("{line}"));
}
