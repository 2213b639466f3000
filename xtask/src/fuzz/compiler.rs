//! Compiler wrapper that adds counters to some crates: for the fuzzer, or for a coverage report.
//!
//! Cargo has no flags for single crates. It runs a program around the compiler, though
//! (`RUSTC_WRAPPER`): this one, which tells by a variable in the environment that it is meant as
//! that. Counters in cryptography would teach the fuzzer nothing, and make most targets five times
//! as slow.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::FUZZ;
use crate::process::run;
use crate::toolchain::host;
use crate::workspace::{cargo, target_dir};

/// Path of this program.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Set in the environment when this program is to act as the compiler, to the name of the counters.
const VARIABLE: &str = "NETCODE_FUZZ_COMPILER";

/// Reader of the counters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counters {
    /// libFuzzer.
    Fuzzer,
    /// LLVM's coverage report.
    Report,
}

/// Beginnings of the names of the crates with counters: the project's, its peers', and those that
/// parse strangers' bytes for it. The program `replay` makes the linker add what writes a report.
const COUNTED: &[&str] = &[
    "matchmaker",
    "netcode",
    "renetcode",
    "base64",
    "httparse",
    "hyper",
    "replay",
    "smoltcp",
    "str0m",
];

impl Counters {
    fn name(self) -> &'static str {
        match self {
            Self::Fuzzer => "fuzzer",
            Self::Report => "report",
        }
    }

    /// Target folder, below the project's.
    fn folder(self) -> &'static str {
        match self {
            Self::Fuzzer => "fuzz",
            Self::Report => "fuzz/coverage",
        }
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            // As `cargo fuzz` sets them.
            Self::Fuzzer => &[
                "-Cpasses=sancov-module",
                "-Cllvm-args=-sanitizer-coverage-level=4",
                "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
                "-Cllvm-args=-sanitizer-coverage-pc-table",
                "-Cllvm-args=-sanitizer-coverage-trace-compares",
            ],
            Self::Report => &["-Cinstrument-coverage"],
        }
    }
}

/// Builds these programs of the fuzz targets' workspace with counters; returns the folder above those
/// of the profiles.
pub(super) fn build(counters: Counters, programs: &[&str]) -> Result<PathBuf> {
    let host = host()?;
    // Cargo does not know that the counters differ.
    let folder = target_dir().join(counters.folder());
    let mut build = cargo("build");
    build.args(["--manifest-path", FUZZ]).args(programs);
    // A named target tells the code under test from build scripts and macros.
    build.args(["--target", &host]);
    build.arg("--target-dir").arg(&folder);
    build
        .env("RUSTC_WRAPPER", PROGRAM.get().context("set at the start")?)
        .env("RUSTFLAGS", "--cfg fuzzing")
        .env(VARIABLE, counters.name());
    run(&mut build)?;
    Ok(folder.join(host))
}

/// Acts as the compiler if cargo runs this program as one: `wrapper rustc arguments…`.
pub(crate) fn act() -> Option<ExitCode> {
    // Asked for now: other steps may replace the file, which then has no path any more.
    if let Ok(program) = std::env::current_exe() {
        let _ = PROGRAM.set(program);
    }
    let wanted = std::env::var_os(VARIABLE)?;
    let counters = [Counters::Fuzzer, Counters::Report]
        .into_iter()
        .find(|counters| wanted == counters.name())?;
    let mut arguments = std::env::args_os().skip(1);
    let compiler = arguments.next()?;
    let arguments: Vec<_> = arguments.collect();
    let mut command = Command::new(compiler);
    command.args(&arguments);
    if is_counted(&arguments) {
        command.args(counters.flags());
    }
    let succeeded = command.status().is_ok_and(|status| status.success());
    Some(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn is_counted(arguments: &[OsString]) -> bool {
    let for_target = arguments.iter().any(|argument| argument == "--target");
    let mut names = arguments.windows(2).filter_map(|pair| match pair {
        [option, name] if option == "--crate-name" => name.to_str(),
        _ => None,
    });
    let listed = |name: &str| COUNTED.iter().any(|prefix| name.starts_with(prefix));
    for_target && names.any(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_crates_are_counted_and_neither_cryptography_nor_build_scripts() {
        let counted = |line: &str| {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            is_counted(&words)
        };
        assert!(counted("--crate-name netcode_core src/lib.rs --target x"));
        assert!(!counted("--crate-name netcode_core src/lib.rs"));
        assert!(!counted(
            "--crate-name chacha20poly1305 src/lib.rs --target x"
        ));
        assert!(!counted("-vV"));
    }
}
