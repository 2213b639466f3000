//! Units for systemd in `packaging/systemd`, checked by systemd itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::machine;
use crate::outcome::Outcome;
use crate::process;
use crate::workspace::{root, target_dir};

/// Highest exposure, in tenths: systemd calls less than two "OK".
const THRESHOLD: &str = "--threshold=20";

pub(crate) fn run() -> Result<Outcome> {
    machine::ensure_systemd()?;
    let folder = target_dir().join("units");
    std::fs::create_dir_all(&folder)?;
    for name in ["netcode-server.service", "netcode-bridge.service"] {
        let unit = folder.join(name);
        std::fs::write(&unit, read(name)?)?;
        process::run(analyze("verify").arg("--man=no").arg(&unit))?;
        process::run(
            analyze("security")
                .args(["--offline=true", THRESHOLD])
                .arg(&unit),
        )?;
    }
    Ok(Outcome::Passed)
}

/// A unit for a program that this machine has: systemd asks for an executable file.
fn read(name: &str) -> Result<String> {
    let file = root().join("packaging/systemd").join(name);
    let unit = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", Path::display(&file)))?;
    let installed = |line: &str| match line.starts_with("ExecStart=/usr/local/bin/netcode") {
        true => "ExecStart=/bin/true".to_owned(),
        false => line.to_owned(),
    };
    Ok(unit.lines().map(|line| installed(line) + "\n").collect())
}

fn analyze(verb: &str) -> Command {
    let mut command = Command::new("systemd-analyze");
    command.args(["--no-pager", verb]);
    command
}
