//! Manifests for Kubernetes, and the start of dedicated servers under Agones: tests in Python.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::outcome::{Outcome, Tests};
use crate::process::{capture_errors, run};
use crate::python;
use crate::workspace::{cargo, root, target_dir};

/// Folder of the manifests.
const FOLDER: &str = "packaging/kubernetes";

/// Packages whose programs the tests run.
const PACKAGES: [&str; 3] = ["netcode-cli", "netcode-bridge", "matchmaker"];

/// Start of servers under Agones, at a stub of its SDK server. Needs Python alone.
pub(crate) fn agones() -> Result<Outcome> {
    match python::find() {
        Ok(()) => test(Path::new("python3"), "test_agones"),
        Err(reason) => Ok(Outcome::Skipped(reason)),
    }
}

/// Manifests, against the schemas of Kubernetes and Agones.
pub(crate) fn manifests() -> Result<Outcome> {
    match python::install(
        &root().join(FOLDER).join("tests/requirements.txt"),
        "kubernetes",
    ) {
        Ok(programs) => test(&programs.join("python"), "test_manifests"),
        Err(reason) => Ok(Outcome::Skipped(reason)),
    }
}

fn test(python: &Path, module: &str) -> Result<Outcome> {
    let packages = PACKAGES.iter().flat_map(|package| ["-p", package]);
    run(cargo("build").args(packages))?;
    let printed = capture_errors(
        Command::new(python)
            .current_dir(root().join(FOLDER).join("tests"))
            .env("NETCODE_BINARIES", target_dir().join("debug"))
            .args(["-B", "-m", "unittest", module]),
    )?;
    eprint!("{printed}");
    Ok(Outcome::Tests(Tests::counted(count(&printed), 0)))
}

/// Number of tests that a successful run of `unittest` reports: `Ran 7 tests in 9.1s`.
fn count(printed: &str) -> u64 {
    let ran = printed.lines().find_map(|line| line.strip_prefix("Ran "));
    let number = ran.and_then(|ran| ran.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
