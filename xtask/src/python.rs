//! Python, and packages of the versions that a step pins, in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{run, succeeds};
use crate::workspace::target_dir;

/// Finds Python. The error is a reason to skip a step.
pub(crate) fn find() -> Result<(), String> {
    if succeeds(Command::new("python3").arg("--version")) {
        return Ok(());
    }
    Err("no python3: install Python 3.10 or later with its venv module".into())
}

/// Installs the packages that the file `pinned` lists, into the folder `name` of the target folder.
/// Returns the folder of their programs; the error is a reason to skip a step.
pub(crate) fn install(pinned: &Path, name: &str) -> Result<PathBuf, String> {
    find()?;
    let folder = target_dir().join("python").join(name);
    let venv = run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    venv.map_err(|error| format!("Python has no venv module ({error}): install python3-venv"))?;
    let programs = folder.join("bin");
    let install = run(Command::new(programs.join("pip"))
        .args(["install", "--quiet", "-r"])
        .arg(pinned));
    install.map_err(|error| {
        let pinned = pinned.display();
        format!("the packages of {pinned} cannot be installed: {error}")
    })?;
    Ok(programs)
}
