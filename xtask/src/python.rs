//! Python, and packages of the versions that a step pins, in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::process::run;
use crate::workspace::target_dir;

/// Finds Python, or installs it. The error is a reason to skip a step.
pub(crate) fn find() -> Result<(), String> {
    machine::ensure_python().map_err(|why| format!("{why:#}"))
}

/// Installs the packages that the file `pinned` lists, into the folder `name` of the target folder.
/// Returns the folder of their programs; the error is a reason to skip a step.
pub(crate) fn install(pinned: &Path, name: &str) -> Result<PathBuf, String> {
    find()?;
    let folder = target_dir().join("python").join(name);
    let venv = run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    venv.map_err(|error| format!("{}: {error}", folder.display()))?;
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
