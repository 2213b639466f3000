//! Compiler wrapper that adds coverage counters to some crates.
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

/// Path of this program.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Set in the environment when this program is to act as the compiler.
const VARIABLE: &str = "NETCODE_FUZZ_COMPILER";

/// Beginnings of the names of the crates with counters: the project's, its peers', and those that
/// parse strangers' bytes for it.
const COUNTED: &[&str] = &[
    "matchmaker",
    "netcode",
    "renetcode",
    "base64",
    "httparse",
    "hyper",
    "smoltcp",
    "str0m",
];

/// As `cargo fuzz` sets them.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Makes a cargo command compile with counters. It has to name a target, which tells the code under
/// test from build scripts and macros.
pub(super) fn count(command: &mut Command) -> Result<()> {
    command
        .env("RUSTC_WRAPPER", PROGRAM.get().context("set at the start")?)
        .env("RUSTFLAGS", "--cfg fuzzing")
        .env(VARIABLE, "1");
    Ok(())
}

/// Acts as the compiler if cargo runs this program as one: `wrapper rustc arguments…`.
pub(crate) fn act() -> Option<ExitCode> {
    // Asked for now: other steps may replace the file, which then has no path any more.
    if let Ok(program) = std::env::current_exe() {
        let _ = PROGRAM.set(program);
    }
    std::env::var_os(VARIABLE)?;
    let mut arguments = std::env::args_os().skip(1);
    let compiler = arguments.next()?;
    let arguments: Vec<_> = arguments.collect();
    let mut command = Command::new(compiler);
    command.args(&arguments);
    if is_counted(&arguments) {
        command.args(FLAGS);
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
