//! Tests of the example firmware on emulated boards, with desktop peers.
//!
//! `firmware-bench BUILT MATCHMAKER LOGS [WORDS]`: `BUILT/BOARD/PROGRAM` are the boards' programs,
//! `MATCHMAKER` is the program of the backend; their output is kept in a folder of `LOGS` for each
//! run. With `WORDS`, only scenarios are run whose names contain them. The last line is `N passed, N failed`.

mod backend;
mod board;
mod hub;
mod sensor;
mod tokens;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::board::{BOARDS, Rig};

type Scenario = fn(&Rig<'_>) -> Result<()>;

const SCENARIOS: [(&str, &str, Scenario); 9] = [
    (
        "sensor",
        "a sensor exchanges payloads, executes commands, and reconnects after a restart",
        sensor::with_our_server,
    ),
    (
        "sensor",
        "a sensor connects to netcode-official's server",
        sensor::with_the_official_server,
    ),
    (
        "sensor",
        "a sensor accepts no recorded token after a power cut",
        sensor::with_a_recorded_token,
    ),
    (
        "sensor",
        "a sensor waits for its backend",
        sensor::without_a_backend,
    ),
    (
        "sensor",
        "a sensor survives a backend that misbehaves",
        sensor::with_a_misbehaving_backend,
    ),
    (
        "hub",
        "a hub serves four desktop clients and denies the fifth",
        hub::with_our_clients,
    ),
    (
        "hub",
        "a hub serves netcode-official's client",
        hub::with_the_official_client,
    ),
    (
        "hub",
        "a hub keeps its session under a flood of requests without a key",
        hub::under_a_flood,
    ),
    (
        "hub",
        "a hub refuses tokens from before it started",
        hub::after_a_restart,
    ),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(built), Some(matchmaker), Some(logs)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: firmware-bench BUILT MATCHMAKER LOGS [WORDS]");
        return ExitCode::from(2);
    };
    let words = arguments.next().unwrap_or_default();
    let words = words.to_string_lossy();
    let (mut passed, mut failed) = (0, 0);
    for board in &BOARDS {
        for (at, (program, what, scenario)) in SCENARIOS.iter().enumerate() {
            if !what.contains(&*words) {
                continue;
            }
            let began = Instant::now();
            let rig = Rig {
                board,
                elf: built.join(board.name).join(program),
                folder: logs.join(format!("{}-{program}-{at}", board.name)),
                matchmaker: &matchmaker,
            };
            let seconds = |began: Instant| began.elapsed().as_secs_f64();
            match prepare(&rig.folder).and_then(|()| scenario(&rig)) {
                Ok(()) => {
                    passed += 1;
                    println!("ok      {}: {what} ({:.1} s)", board.name, seconds(began));
                }
                Err(error) => {
                    failed += 1;
                    println!(
                        "FAILED  {}: {what}: {error:#} ({:.1} s)",
                        board.name,
                        seconds(began)
                    );
                    println!("{}", board::read_log(&rig.folder));
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// An empty folder for a run: the board's files and its output.
fn prepare(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
