//! The example firmware, built for its boards and booted in an emulator.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::machine;
use crate::outcome::{Outcome, Tests};
use crate::process;
use crate::toolchain::Cross;
use crate::workspace::{cargo, root, target_dir};

/// Manifest of the firmware, relative to the root.
pub(crate) const FIRMWARE: &str = "examples/firmware/Cargo.toml";

/// Board that the firmware is built for.
pub(crate) struct Board {
    /// Name of the firmware's feature and of QEMU's machine.
    pub(crate) name: &'static str,
    /// Compilation target.
    target: &'static str,
}

pub(crate) const BOARDS: [Board; 3] = [
    Board {
        name: "lm3s6965evb",
        target: "thumbv7m-none-eabi",
    },
    Board {
        name: "mps2-an385",
        target: "thumbv7m-none-eabi",
    },
    Board {
        name: "mps2-an386",
        target: "thumbv7em-none-eabihf",
    },
];
pub(crate) const PROGRAMS: [&str; 3] = ["sensor", "hub", "counts"];

pub(crate) fn run() -> Result<Outcome> {
    machine::ensure_emulator()?;
    let built = build()?;
    process::run(cargo("build").args(["--quiet", "-p", "matchmaker"]))?;
    let mut bench = cargo("run");
    bench.args(["--quiet", "-p", "firmware-bench", "--"]);
    bench.arg(built);
    bench.arg(target_dir().join("debug").join("matchmaker"));
    bench.arg(target_dir().join("firmware-logs"));
    let (mut tests, mut finished) = (Tests::default(), false);
    process::listen(&mut bench, |line| {
        tests.read_failure(line);
        if let Some(counts) = read_summary(line) {
            finished = true;
            tests.add(counts);
        }
    })?;
    ensure!(finished, "the bench did not finish");
    Ok(Outcome::Tests(tests))
}

/// Builds every program for every board; returns the folder with `BOARD/PROGRAM`.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = target_dir().join("firmware");
    for Board { name, target } in BOARDS {
        let cross = Cross::find(&[target], "core")?;
        let mut build = cross.cargo("build")?;
        // In its own folder, which has its cargo configuration.
        build.current_dir(root().join(FIRMWARE).with_file_name(""));
        build.args(["--quiet", "--release", "--features", name]);
        process::run(&mut build)?;
        let board = folder.join(name);
        std::fs::create_dir_all(&board)?;
        for program in PROGRAMS {
            let from = cross.output(target, "release").join(program);
            std::fs::copy(&from, board.join(program))
                .with_context(|| format!("no {}", from.display()))?;
        }
    }
    Ok(folder)
}

/// Parses `8 passed, 0 failed`.
fn read_summary(line: &str) -> Option<Tests> {
    let (passed, failed) = line.strip_suffix(" failed")?.split_once(" passed, ")?;
    Some(Tests::counted(passed.parse().ok()?, failed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read_and_other_lines_are_not() {
        let tests = Some(Tests::counted(8, 1));
        assert_eq!(read_summary("8 passed, 1 failed"), tests);
        assert_eq!(read_summary("ok      board: 8 things"), None);
    }
}
