//! `netcode-sim`: runs simulated worlds.

use std::process::ExitCode;

use clap::Parser;
use netcode_sim::{Options, run};

/// Run simulated worlds of netcode, each from one seed
#[derive(Parser)]
struct Cli {
    /// Number of worlds
    #[arg(long, default_value_t = 2_000)]
    worlds: u64,
    /// Seed of the first world; the others follow it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; all cores by default
    #[arg(long)]
    jobs: Option<usize>,
    /// Print the plan and the trace of every world
    #[arg(long)]
    trace: bool,
    /// Stop at the first violation and print one line
    #[arg(long)]
    hunt: bool,
    /// Fail if something possible never happened
    #[arg(long)]
    complete: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let options = Options {
        worlds: cli.worlds,
        seed: cli.seed,
        jobs: cli.jobs.unwrap_or(cores),
        trace: cli.trace,
        hunt: cli.hunt,
        complete: cli.complete,
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
