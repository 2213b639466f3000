//! Steps that consist of one cargo command.

use std::process::Command;

use anyhow::{Result, bail};

use crate::firmware::FIRMWARE;
use crate::fuzz::FUZZ;
use crate::machine;
use crate::outcome::{Outcome, Tests};
use crate::process::{self, run};
use crate::size::PROBE;
use crate::workspace::{cargo, root};

pub(crate) fn fmt() -> Result<Outcome> {
    machine::ensure_component("fmt", "rustfmt")?;
    run(cargo("fmt").args(["--all", "--", "--check"]))?;
    for apart in [PROBE, FIRMWARE, FUZZ] {
        run(cargo("fmt").args(["--manifest-path", apart, "--", "--check"]))?;
    }
    Ok(Outcome::Passed)
}

pub(crate) fn clippy() -> Result<Outcome> {
    machine::ensure_component("clippy", "clippy")?;
    run(cargo("clippy").args([
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(Outcome::Passed)
}

pub(crate) fn doc() -> Result<Outcome> {
    run(cargo("doc")
        .args(["--workspace", "--all-features", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed)
}

pub(crate) fn tests() -> Result<Outcome> {
    if let Err(missing) = machine::ensure_redis() {
        println!("tests of the matchmaker's state in Redis are skipped: {missing:#}");
    }
    test(cargo("test").args(["--workspace", "--all-features", "--no-fail-fast"]))
}

/// Tests of the core with the features of a microcontroller.
pub(crate) fn core_tests() -> Result<Outcome> {
    test(cargo("test").args([
        "-p",
        "netcode-core",
        "--no-default-features",
        "--no-fail-fast",
    ]))
}

/// Tests of the core against vectors of an independent implementation, where they are present.
pub(crate) fn vectors() -> Result<Outcome> {
    let file = root().join("../shared/vectors/netcode-1.02.json");
    let Ok(file) = file.canonicalize() else {
        return Ok(Outcome::Skipped("no vectors beside the repository".into()));
    };
    test(
        cargo("test")
            .args([
                "-p",
                "netcode-core",
                "--all-features",
                "--test",
                "it",
                "vectors::",
            ])
            .env("NETCODE_VECTORS", file),
    )
}

/// Runs `cargo test …` and counts. A run that failed before or outside of its tests counts as one
/// failure, and so does a run without a test, which proves nothing.
pub(crate) fn test(command: &mut Command) -> Result<Outcome> {
    let mut sum = Tests::default();
    let good = process::listen(command, |line| {
        sum.read_failure(line);
        if let Some(tests) = read_result(line) {
            sum.add(tests);
        }
    })?;
    if good && sum == Tests::default() {
        bail!("no test was run");
    }
    if !good && sum.failed == 0 {
        println!("cargo test failed, though no test did");
        sum.failed = 1;
    }
    Ok(Outcome::Tests(sum))
}

/// Parses `test result: ok. 12 passed; 0 failed; …`.
fn read_result(line: &str) -> Option<Tests> {
    let (_, counts) = line.split_once("test result: ")?;
    let count = |word: &str| {
        let before = counts
            .split("; ")
            .find_map(|part| part.strip_suffix(word))?;
        before.rsplit(' ').next()?.parse().ok()
    };
    Some(Tests::counted(count(" passed")?, count(" failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_counts_of_a_result_line_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered";
        assert_eq!(read_result(line), Some(Tests::counted(12, 3)));
        let line = "test result: \u{1b}[32mok\u{1b}[0m. 7 passed; 0 failed; 0 ignored";
        assert_eq!(read_result(line), Some(Tests::counted(7, 0)));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read_result("test the_result ... ok"), None);
        assert_eq!(read_result("test result: "), None);
        assert_eq!(read_result("12 passed; 3 failed"), None);
    }
}
