//! End-to-end tests of a page in a browser, the package, a bridge and a server, run by Node's test
//! runner.

use std::process::Command;

use anyhow::{Context, Result};

use super::{folder, package, package_folder, tools};
use crate::firmware;
use crate::machine;
use crate::outcome::Tests;
use crate::process;
use crate::workspace::{cargo, root, target_dir};

/// Runs the tests in Chromium, those of the package and of the example included.
pub(super) fn run() -> Result<Tests> {
    build()?;
    machine::ensure_emulator()?;
    let boards = firmware::build()?;
    let mut node = node();
    node.env("NETCODE_FIRMWARE", boards);
    node.env("NETCODE_ARTEFACTS", root().join("artefacts"));
    test(&mut node)
}

/// Runs the tests in Firefox. Node's test runner does not find their file by its name.
pub(super) fn run_in_firefox() -> Result<Tests> {
    build()?;
    test(node().arg("firefox.mjs"))
}

/// Builds the package and all programs. With fewer of them, cargo would build the rest again, with
/// fewer features of their dependencies.
fn build() -> Result<()> {
    package::build()?;
    let programs = [
        "--package=browser-example",
        "--package=matchmaker",
        "--package=netcode-bridge",
        "--package=netcode-cli",
        "--package=official-server",
    ];
    process::run(cargo("build").arg("--quiet").args(programs))
}

fn node() -> Command {
    let mut node = Command::new("node");
    node.current_dir(folder().join("e2e"));
    node.args(["--test", "--test-reporter=tap", "--test-concurrency=1"]);
    node.envs(tools::browser_variables());
    node.env("NETCODE_PACKAGE", package_folder());
    node.env("NETCODE_BINARIES", target_dir().join("debug"));
    node
}

fn test(node: &mut Command) -> Result<Tests> {
    let mut tests = Tests::default();
    let good = process::listen(node, |line| {
        tests.read_failure(line);
        count(line, &mut tests);
    })?;
    if !good && tests.failed == 0 {
        tests.failed = 1;
    }
    (tests != Tests::default())
        .then_some(tests)
        .context("no test was run")
}

/// Parses the last lines of the report: `# pass 12`, `# fail 0`.
fn count(line: &str, tests: &mut Tests) {
    let number = |text: &str| text.trim().parse().unwrap_or(0);
    if let Some(passed) = line.strip_prefix("# pass ") {
        tests.passed = number(passed);
    } else if let Some(failed) = line.strip_prefix("# fail ") {
        tests.failed = number(failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_counted_and_other_lines_are_not() {
        let mut tests = Tests::default();
        for line in ["# tests 5", "ok 1 - connects", "# pass 4", "# fail 1"] {
            count(line, &mut tests);
        }
        assert_eq!(tests, Tests::counted(4, 1));
    }
}
