//! `cargo xtask`: everything there is to run, on a laptop and in CI alike.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `steps` | the one ordered table of steps |
//! | `run` | running steps, and counting what passed |
//! | `cargo_tools` | commands that cargo installs |
//! | `checks` | the steps that are one command of cargo |
//! | `deny` | licences and advisories of what is linked |
//! | `features` | combinations of features |
//! | `firmware` | the example firmware, in an emulator |
//! | `machine` | programs that the steps need, found or installed |
//! | `msrv` | minimum supported Rust version of each crate |
//! | `no_std` | builds for bare metal |
//! | `package` | packages for crates.io |
//! | `panic_free` | a program that does not link if the core could panic |
//! | `size` | bytes of memory and of code |
//! | `toolchain` | compilers for other targets |
//! | `typos` | spelling |
//! | `web` | the browser's client, its package and its tests |
//! | `process`, `workspace` | commands, and where things are |

mod cargo_tools;
mod checks;
mod deny;
mod features;
mod firmware;
mod machine;
mod msrv;
mod no_std;
mod package;
mod panic_free;
mod process;
mod run;
mod size;
mod steps;
mod toolchain;
mod typos;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Runs what the project is checked by.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Every step, in order; goes on after a failure
    Test,
    /// Bytes of memory and of code
    Size {
        /// Prints one JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    // Each step of the table is a subcommand too; `size` has options, so it has a type above.
    let steps = steps::STEPS.iter().filter(|step| step.name != "size");
    let cli = Cli::command()
        .subcommands(steps.map(|step| Command::new(step.name).about(step.about)))
        .arg_required_else_help(true);
    let matches = cli.get_matches();
    if let Some(step) = matches.subcommand_name().and_then(steps::find)
        && step.name != "size"
    {
        return run::run(&[step]);
    }
    match Cli::from_arg_matches(&matches).map(|cli| cli.task) {
        Ok(Task::Test) => run::run(&steps::STEPS.iter().collect::<Vec<_>>()),
        Ok(Task::Size { json }) => size::print(json),
        Err(error) => error.exit(),
    }
}
