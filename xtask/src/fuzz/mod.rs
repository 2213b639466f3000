//! Fuzz targets: each runs for some seconds from its committed corpus.
//!
//! Any toolchain will do: libFuzzer comes with the crate `libfuzzer-sys`, which needs a C++
//! compiler, and coverage counters are a pass of LLVM's. There is no sanitizer: the code under test
//! has no `unsafe`. What a run finds stays in the target folder, and is where the next run begins;
//! `--minimise` adds what it covers to the corpus.
//!
//! | file | contents |
//! | --- | --- |
//! | `compiler` | counters in some crates and not in others |
//! | `coverage` | the report of what was reached |

pub(crate) mod compiler;
mod coverage;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::machine;
use crate::outcome::{Outcome, Tests};
use crate::process::run;
use crate::workspace::{cargo, root, target_dir};
use compiler::Counters;

/// Manifest of the targets, relative to the root.
pub(crate) const FUZZ: &str = "fuzz/Cargo.toml";

/// Time of each target in the step: enough to run its corpus and to look around.
const SMOKE: Duration = Duration::from_secs(20);

/// Longest input. Connect tokens and sealed tokens are half of it.
const MAX_BYTES: usize = 4096;

/// Targets that run at a time.
const SIDE_BY_SIDE: usize = 2;

/// Lines of a target's log that are shown after a failure.
const LAST_LINES: usize = 40;

/// Options of the command.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Target; all of them if none is named
    target: Option<String>,
    /// Time of each target, seconds
    #[arg(long, default_value_t = SMOKE.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Instead of running, add what earlier runs found to the corpora, with the fewest inputs that
    /// cover the same
    #[arg(long)]
    minimise: bool,
    /// Instead of running, report which regions of the files that a target is for are covered by its
    /// corpus and by what earlier runs found
    #[arg(long, conflicts_with = "minimise")]
    coverage: bool,
}

/// Every target, for the time of the step.
pub(crate) fn smoke() -> Result<Outcome> {
    if let Err(why) = machine::ensure_cpp_compiler() {
        // What the corpora hold is checked in any case.
        replay()?;
        return Ok(Outcome::Skipped(format!(
            "the corpora were replayed without libFuzzer: {why:#}"
        )));
    }
    Ok(Outcome::Tests(Programs::build()?.fuzz(targets()?, SMOKE)?))
}

/// Task of the command line.
pub(crate) fn with(options: &Options) -> Result<Outcome> {
    let mut targets = targets()?;
    if let Some(wanted) = &options.target {
        if !targets.contains(wanted) {
            bail!("no target {wanted}; there are {}", targets.join(", "));
        }
        targets = vec![wanted.clone()];
    }
    if options.coverage {
        coverage::report(&targets)?;
        return Ok(Outcome::Passed);
    }
    machine::ensure_cpp_compiler()?;
    let programs = Programs::build()?;
    if options.minimise {
        for target in &targets {
            programs.minimise(target)?;
        }
        return Ok(Outcome::Passed);
    }
    let time = Duration::from_secs(options.seconds);
    Ok(Outcome::Tests(programs.fuzz(targets, time)?))
}

/// Names of all targets.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        let name = path.file_stem().context("a target without a name")?;
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Runs every committed input once, without libFuzzer.
fn replay() -> Result<()> {
    let mut command = cargo("test");
    command.args(["--manifest-path", FUZZ, "--no-default-features"]);
    command.arg("--target-dir").arg(target_dir().join("fuzz"));
    run(command.env("RUSTFLAGS", "--cfg fuzzing"))
}

/// Folder of what runs on this machine found for a target.
fn found(target: &str) -> PathBuf {
    target_dir().join("fuzz/found").join(target)
}

fn corpus(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

/// Built targets.
struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Builds every target.
    fn build() -> Result<Self> {
        let folder = compiler::build(Counters::Fuzzer, &["--release", "--bins"])?.join("release");
        Ok(Self { folder })
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(self.folder.join(target));
        command.arg(format!("-max_len={MAX_BYTES}"));
        command
    }

    /// Runs each target for this time, some side by side.
    fn fuzz(&self, targets: Vec<String>, time: Duration) -> Result<Tests> {
        let waiting = Mutex::new(VecDeque::from(targets));
        let results = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                        let Some(target) = { next }.pop_front() else {
                            break;
                        };
                        let result = self.run(&target, time).map(|passed| (target, passed));
                        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                        results.push(result);
                    }
                });
            }
        });
        let mut tests = Tests::default();
        for result in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let (target, passed) = result?;
            tests.add_one(&target, passed);
        }
        Ok(tests)
    }

    /// Runs a target; `false` if it found a fault. The fault's input is kept.
    fn run(&self, target: &str, time: Duration) -> Result<bool> {
        let (found, corpus) = (found(target), corpus(target));
        let faults = root().join("fuzz/artifacts").join(target);
        for folder in [&found, &corpus, &faults] {
            fs::create_dir_all(folder)?;
        }
        let log = target_dir().join("fuzz").join(format!("{target}.log"));
        let file = fs::File::create(&log)?;
        let mut command = self.command(target);
        command
            .arg(format!("-max_total_time={}", time.as_secs()))
            .arg(format!("-artifact_prefix={}/", faults.display()))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
            .args([&found, &corpus])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let succeeded = command
            .status()
            .with_context(|| format!("cannot run the target {target}"))?
            .success();
        let said = fs::read_to_string(&log).unwrap_or_default();
        if succeeded {
            println!("{}", Figures::read(target, &said));
        } else {
            println!("{target}: a fault; its input is in {}", faults.display());
            let lines: Vec<_> = said.lines().collect();
            let last = lines.len().saturating_sub(LAST_LINES);
            println!("{}", lines.get(last..).unwrap_or_default().join("\n"));
        }
        Ok(succeeded)
    }

    /// Replaces a corpus by the fewest of its inputs, and of those found, that cover the same. Inputs
    /// with names stay: each was a fault.
    fn minimise(&self, target: &str) -> Result<()> {
        let (old, new) = (corpus(target), found(target).with_extension("minimised"));
        fs::create_dir_all(&old)?;
        fs::create_dir_all(found(target))?;
        if new.exists() {
            fs::remove_dir_all(&new)?;
        }
        fs::create_dir_all(&new)?;
        let mut command = self.command(target);
        command.arg("-set_cover_merge=1").arg(&new);
        run(command.args([&old, &found(target)]))?;
        for entry in fs::read_dir(&old)? {
            let entry = entry?;
            if is_unnamed(&entry.file_name()) {
                fs::remove_file(entry.path())?;
            }
        }
        for entry in fs::read_dir(&new)? {
            let entry = entry?;
            fs::copy(entry.path(), old.join(entry.file_name()))?;
        }
        fs::remove_dir_all(&new)?;
        Ok(())
    }
}

/// `true` if libFuzzer named the input, by the SHA-1 of its bytes.
fn is_unnamed(file: &OsStr) -> bool {
    file.len() == 40 && file.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
}

/// Figures that libFuzzer prints at the end of a run.
struct Figures<'a> {
    target: &'a str,
    executions: &'a str,
    per_second: &'a str,
    new: &'a str,
}

impl<'a> Figures<'a> {
    fn read(target: &'a str, said: &'a str) -> Self {
        let figure = |name| {
            let mut lines = said.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.map_or("?", str::trim)
        };
        Self {
            target,
            executions: figure("stat::number_of_executed_units"),
            per_second: figure("stat::average_exec_per_sec"),
            new: figure("stat::new_units_added"),
        }
    }
}

impl std::fmt::Display for Figures<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:<17} {:>9} inputs, {:>6} a second, {:>4} of them new",
            self.target, self.executions, self.per_second, self.new
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_run_are_read_from_its_log() {
        let said = "#2 INITED\nstat::number_of_executed_units: 1234\n\
                    stat::average_exec_per_sec:     61\nstat::new_units_added:          3\n";
        let shown = Figures::read("relay", said).to_string();
        assert_eq!(
            shown,
            "relay                  1234 inputs,     61 a second,    3 of them new"
        );
    }

    #[test]
    fn inputs_with_names_are_told_from_those_that_libfuzzer_named() {
        let hash = "001a354a29297df1870493bbf0450cfd29f30b1f";
        assert!(is_unnamed(OsStr::new(hash)));
        assert!(!is_unnamed(OsStr::new(&hash[1..])));
        let named = "two-tokens-of-the-same-keys";
        assert!(!is_unnamed(OsStr::new(named)));
    }

    #[test]
    fn every_target_has_a_corpus() {
        for target in targets().unwrap() {
            let mut files = fs::read_dir(corpus(&target)).unwrap();
            assert!(files.next().is_some(), "{target}");
        }
    }
}
