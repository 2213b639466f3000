//! Licences, sources and advisories of everything that is linked, by cargo-deny.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::process::{self, run};
use crate::steps::Outcome;
use crate::workspace::{cargo, root, target_dir};

const VERSION: &str = "0.20.2";

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
    let mut command = Command::new(find()?);
    command.current_dir(root());
    Ok(command)
}

/// cargo-deny as installed, or built into the target folder.
fn find() -> Result<PathBuf> {
    let installed = PathBuf::from("cargo-deny");
    if process::succeeds(Command::new(&installed).arg("--version")) {
        return Ok(installed);
    }
    let tools = target_dir().join("tools");
    let built = tools.join("bin").join(&installed);
    if !built.exists() {
        let mut install = cargo("install");
        install
            .args(["--locked", "--version", VERSION, "--root"])
            .arg(&tools)
            .arg("cargo-deny");
        run(&mut install)?;
    }
    Ok(built)
}
