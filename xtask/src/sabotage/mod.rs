//! Sabotage: every deliberate fault of `netcode-sim/faults.toml`, the number of simulated worlds in
//! which it is found, and the checks of `netcode conform` that it fails.
//!
//! | file | contents |
//! | --- | --- |
//! | `faults` | the list, and its edits of the core |
//! | `copy` | a copy of the repository whose core has all faults, each behind a switch |

mod copy;
mod faults;

use std::process::Command;

use anyhow::{Result, bail};

use self::copy::FaultyCopy;
use crate::conformance;
use crate::outcome::{Outcome, Tests};

/// Environment variable that turns one fault on, in every program built from the copy.
const SWITCH: &str = "NETCODE_FAULT";

/// Worlds in which a copy without a fault turned on must hold every invariant.
const HEALTHY_WORLDS: u64 = 300;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this fault
    #[arg(long)]
    fault: Option<String>,
    /// Print the faults and what each takes away
    #[arg(long)]
    list: bool,
    /// Only build the copy, for programs that run with one fault: see NETCODE_FAULT
    #[arg(long, value_name = "PACKAGE")]
    build: Option<String>,
}

pub(crate) fn run() -> Result<Outcome> {
    run_with(&Args {
        fault: None,
        list: false,
        build: None,
    })
}

pub(crate) fn run_with(args: &Args) -> Result<Outcome> {
    let faults = faults::read()?;
    if args.list {
        for fault in &faults {
            println!("{:<40} {}", fault.name, fault.takes);
        }
        return Ok(Outcome::Passed);
    }
    let copy = FaultyCopy::make(&faults)?;
    if let Some(package) = &args.build {
        println!("{}", copy.build(&["-p", package])?.display());
        return Ok(Outcome::Passed);
    }
    let programs = copy.build(&["-p", "netcode-sim"])?;
    let hunt = |name: &str, worlds: u64| {
        let mut hunt = Command::new(programs.join("netcode-sim"));
        hunt.env(SWITCH, name).arg("--hunt");
        hunt.args(["--worlds", &worlds.to_string()]);
        said(&mut hunt)
    };
    let healthy = hunt("", HEALTHY_WORLDS)?;
    if healthy.starts_with("found after") {
        bail!("without a fault, the copy is {healthy}");
    }
    println!("{:<40} {healthy}", "(no fault)");
    let mut tests = Tests::default();
    for fault in &faults {
        if args.fault.as_ref().is_some_and(|only| *only != fault.name) {
            continue;
        }
        let said = hunt(&fault.name, fault.within)?;
        let found = said.starts_with("found after");
        let mark = if found { "" } else { "NOT FOUND: " };
        println!("{:<40} {mark}{said}", fault.name);
        tests.add_one(&fault.name, found);
    }
    if tests == Tests::default() {
        bail!("there is no such fault; `cargo xtask sabotage --list` names them");
    }
    if args.fault.is_none() {
        // Built alone, or the features of other crates select a cipher that has no faults.
        let programs = copy.build(&["-p", "netcode-conform", "--example", "harness_ours"])?;
        let checks = conformance::run_faults(&programs.join("examples/harness_ours"))?;
        if let Outcome::Tests(checks) = checks {
            tests.add(checks);
        }
    }
    Ok(Outcome::Tests(tests))
}

/// Only line of standard output, whether the program succeeds or not.
fn said(command: &mut Command) -> Result<String> {
    let output = command.stderr(std::process::Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if said.is_empty() {
        bail!("the simulation printed nothing ({})", output.status);
    }
    Ok(said)
}
