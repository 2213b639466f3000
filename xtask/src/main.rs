//! `cargo xtask`: all checks of the project, on a laptop and in CI alike.
//!
//! | file | contents |
//! | --- | --- |
//! | `steps` | the ordered table of steps |
//! | `outcome` | results of steps |
//! | `run` | running of steps and counting of results |
//! | `api` | made-up requests to the matchmaker |
//! | `cargo_tools` | commands installed by cargo |
//! | `checks` | steps that consist of one cargo command |
//! | `conformance` | four implementations under `netcode conform` |
//! | `deny` | licences and advisories of linked crates |
//! | `features` | feature combinations |
//! | `firmware` | the example firmware, in an emulator |
//! | `fuzz` | fuzz targets and their corpora |
//! | `kubernetes` | manifests, and the start of servers under Agones |
//! | `machine` | programs that the steps need |
//! | `msrv` | minimum supported Rust version of each crate |
//! | `no_std` | builds for bare metal |
//! | `package` | packages for crates.io |
//! | `panic_free` | a program that does not link if the core could panic |
//! | `python` | packages of Python |
//! | `sabotage` | deliberate faults in a copy of the core |
//! | `sim` | simulated worlds |
//! | `size` | bytes of memory and of code |
//! | `toolchain` | compilers for other targets |
//! | `typos` | spelling |
//! | `web` | the browser's client, its package and its tests |
//! | `process`, `workspace` | commands, and paths and packages of the workspace |

mod api;
mod cargo_tools;
mod checks;
mod conformance;
mod deny;
mod features;
mod firmware;
mod fuzz;
mod kubernetes;
mod machine;
mod msrv;
mod no_std;
mod outcome;
mod package;
mod panic_free;
mod process;
mod python;
mod run;
mod sabotage;
mod sim;
mod size;
mod steps;
mod toolchain;
mod typos;
mod units;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Run the checks of the project
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// All steps, in order; a failure does not stop the rest
    Test,
    /// Results of `netcode conform` for four implementations, a part of `unit`
    Conformance(conformance::Args),
    /// Fuzz targets, from their corpora
    Fuzz(fuzz::Options),
    /// Memory and code size in bytes
    Size {
        /// Print one JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Simulated worlds, each from one seed
    Sim(sim::Args),
    /// Deliberate faults, found by the simulation and by `netcode conform`
    Sabotage(sabotage::Args),
}

/// Steps that have options, so that each is a variant of [`Task`].
const WITH_OPTIONS: [&str; 4] = ["size", "sim", "sabotage", "fuzz"];

fn main() -> ExitCode {
    if let Some(code) = fuzz::compiler::act() {
        return code;
    }
    // Each other step of the table is a subcommand.
    let steps = steps::STEPS.iter();
    let steps = steps.filter(|step| !WITH_OPTIONS.contains(&step.name));
    let cli = Cli::command()
        .subcommands(steps.map(|step| Command::new(step.name).about(step.about)))
        .arg_required_else_help(true);
    let matches = cli.get_matches();
    let step = matches.subcommand_name().and_then(steps::find);
    match (Cli::from_arg_matches(&matches).map(|cli| cli.task), step) {
        (Ok(Task::Size { json: true }), _) => size::print_json(),
        (Ok(Task::Sim(args)), _) => run::run_with("sim", || sim::run_with(&args)),
        (Ok(Task::Sabotage(args)), _) => run::run_with("sabotage", || sabotage::run_with(&args)),
        (Ok(Task::Conformance(args)), _) => {
            run::run_with("conformance", || conformance::run_with(&args))
        }
        (Ok(Task::Fuzz(options)), _) => run::run_with("fuzz", || fuzz::with(&options)),
        (Ok(Task::Test), _) => run::run(&steps::STEPS.iter().collect::<Vec<_>>()),
        (_, Some(step)) => run::run(&[step]),
        (Ok(Task::Size { .. }), None) => ExitCode::FAILURE,
        (Err(error), None) => error.exit(),
    }
}
