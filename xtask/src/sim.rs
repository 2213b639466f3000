//! Simulated worlds: `netcode-sim`, optimised, with every assertion.

use std::process::Command;

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process;
use crate::workspace::{cargo, target_dir};

/// Profile of the simulation, and the folder of its results.
pub(crate) const PROFILE: &str = "sim";

/// Worlds of the step: enough that everything possible happens.
const WORLDS: u64 = 2_000;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of worlds
    #[arg(long, default_value_t = WORLDS)]
    worlds: u64,
    /// Seed of the first world; the others follow it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the plan and the trace of every world
    #[arg(long)]
    trace: bool,
    /// Threads; all cores by default
    #[arg(long)]
    jobs: Option<usize>,
}

pub(crate) fn run() -> Result<Outcome> {
    run_with(&Args {
        worlds: WORLDS,
        seed: 1,
        trace: false,
        jobs: None,
    })
}

pub(crate) fn run_with(args: &Args) -> Result<Outcome> {
    process::run(cargo("build").args(["--quiet", "--profile", PROFILE, "-p", "netcode-sim"]))?;
    let mut sim = Command::new(target_dir().join(PROFILE).join("netcode-sim"));
    sim.args(["--worlds", &args.worlds.to_string()]);
    sim.args(["--seed", &args.seed.to_string()]);
    if let Some(jobs) = args.jobs {
        sim.args(["--jobs", &jobs.to_string()]);
    }
    if args.trace {
        sim.arg("--trace");
    }
    // Fewer worlds cannot contain everything.
    if args.worlds >= WORLDS {
        sim.arg("--complete");
    }
    if process::run(&mut sim).is_err() {
        bail!("an invariant failed, or something never happened; see above");
    }
    Ok(Outcome::Passed)
}
