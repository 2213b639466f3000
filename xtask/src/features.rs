//! Feature combinations, checked by cargo-hack.

use std::process::Command;

use anyhow::{Result, bail};

use crate::cargo_tools::CargoTool;
use crate::machine;
use crate::outcome::Outcome;
use crate::process;
use crate::workspace::root;

/// Selections of crates, and the combinations to leave out for each.
const RUNS: [&[&str]; 2] = [
    &[
        "--workspace",
        "--ignore-private",
        "--exclude=netcode-smoltcp",
        // It has neither features nor a library.
        "--exclude=netcode-cli",
        "--skip=default",
        // Pairs: no code depends on three features. The `clippy` step checks all of them together.
        "--depth=2",
    ],
    // smoltcp and embassy-net refuse to build without a protocol and a medium. `defmt` only derives
    // one more trait; the `clippy` step checks it together with all other features.
    &[
        "--package=netcode-smoltcp",
        "--skip=default,defmt",
        "--at-least-one-of=proto-ipv4,proto-ipv6",
        "--at-least-one-of=medium-ethernet,medium-ip",
    ],
];

/// Runs Clippy, since `cargo check` cannot deny warnings of the crate alone. No other step finds
/// code that is dead without a feature.
pub(crate) fn run() -> Result<Outcome> {
    machine::ensure_component("clippy", "clippy")?;
    let mut good = true;
    for run in RUNS {
        let mut check = hack()?;
        check.args(["clippy", "--feature-powerset", "--keep-going"]);
        check.args(run).args(["--lib", "--bins", "--quiet"]);
        good &= process::run(check.args(["--", "-D", "warnings"])).is_ok();
    }
    if !good {
        bail!("a combination does not build cleanly; cargo-hack names it");
    }
    Ok(Outcome::Passed)
}

fn hack() -> Result<Command> {
    let tool = CargoTool {
        program: "cargo-hack",
        package: "cargo-hack",
        version: "0.6.46",
        asked: &["hack", "--version"],
        flags: &["--locked"],
    };
    let mut command = Command::new(tool.find()?);
    command.current_dir(root()).arg("hack");
    Ok(command)
}
