//! Licences, sources and advisories of all linked crates, checked by cargo-deny.

use std::process::Command;

use anyhow::Result;

use crate::cargo_tools::CargoTool;
use crate::outcome::Outcome;
use crate::process::{self, run};
use crate::workspace::root;

pub(crate) fn licences() -> Result<Outcome> {
    run(deny()?.args(["check", "licenses", "bans", "sources"]))?;
    Ok(Outcome::Passed)
}

pub(crate) fn advisories() -> Result<Outcome> {
    if !process::succeeds(deny()?.args(["fetch", "db"])) {
        return Ok(Outcome::Skipped(
            "the advisory database cannot be reached".into(),
        ));
    }
    run(deny()?.args(["check", "--disable-fetch", "advisories"]))?;
    Ok(Outcome::Passed)
}

fn deny() -> Result<Command> {
    let tool = CargoTool {
        program: "cargo-deny",
        package: "cargo-deny",
        version: "0.20.2",
        asked: &["--version"],
        flags: &["--locked"],
    };
    let mut command = Command::new(tool.find()?);
    command.current_dir(root());
    Ok(command)
}
