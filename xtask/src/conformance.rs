//! `cargo xtask conformance`: four implementations under `netcode conform`, compared with
//! `docs/conformance.md`; and the checks themselves, under deliberate faults.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::checks::test;
use crate::outcome::Outcome;
use crate::workspace::cargo;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write docs/conformance.md instead of comparing with it
    #[arg(long)]
    write: bool,
    /// Run the checks against this build of the example `harness_ours`, which has all deliberate
    /// faults: each must fail exactly the checks of its rule
    #[arg(long, value_name = "PROGRAM", conflicts_with = "write")]
    faulty_harness: Option<PathBuf>,
}

pub(crate) fn run_with(args: &Args) -> Result<Outcome> {
    if let Some(program) = &args.faulty_harness {
        return run_faults(&std::path::absolute(program)?);
    }
    let mut command = tests("implementations::");
    if args.write {
        command.env("NETCODE_CONFORMANCE", "write");
    }
    test(&mut command)
}

/// Runs the checks against the harness program `faulty`, with one fault at a time.
pub(crate) fn run_faults(faulty: &Path) -> Result<Outcome> {
    let mut command = tests("faults::");
    command.env("NETCODE_FAULTY_HARNESS", faulty);
    test(command.arg("--include-ignored"))
}

/// Tests of the tool whose names begin so. Without `--test`, cargo builds the harness programs too.
fn tests(name: &str) -> Command {
    let mut command = cargo("test");
    command.args(["-p", "netcode-conform", "--", name]);
    command
}
