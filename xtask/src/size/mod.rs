//! Sizes in memory and flash. The aims are part of the design: above one, the step fails.
//!
//! The figures come from `size-probe`, a program that is built like firmware and never run.

mod code;
mod instructions;
mod statics;
mod types;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::firmware;
use crate::machine;
use crate::outcome::Outcome;
use crate::process;
use crate::toolchain::Cross;
use crate::workspace::{root, target_dir};

/// Manifest of the probe, relative to the root.
pub(crate) const PROBE: &str = "xtask/size-probe/Cargo.toml";

/// Cortex-M3: the smallest machine intended for a server.
const TARGET: &str = "thumbv7m-none-eabi";

/// Flash, bytes: of the client with its cryptography, and of a complete sensor on any board.
const AIMS: &[(u64, &str)] = &[(16 * 1024, "client"), (48 * 1024, "sensor")];

pub(crate) fn run() -> Result<Outcome> {
    let sizes = measure()?;
    sizes.show();
    sizes.check()?;
    Ok(Outcome::Passed)
}

/// Prints the sizes as one JSON object and nothing else.
pub(crate) fn print_json() -> ExitCode {
    let result = measure().and_then(|sizes| {
        println!("{}", serde_json::to_string_pretty(&sizes.to_json())?);
        sizes.check()
    });
    result.map_or_else(
        |error| {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

struct Sizes {
    types: Vec<types::Row>,
    code: Vec<code::Code>,
    costs: Vec<instructions::Cost>,
}

/// Builds the probe for the host and for a Cortex-M3, and reads both.
fn measure() -> Result<Sizes> {
    // The probe is a workspace of its own; this makes it use the same versions as this one.
    let lock = root().join(PROBE).with_file_name("Cargo.lock");
    std::fs::copy(root().join("Cargo.lock"), &lock)
        .with_context(|| format!("cannot write {}", lock.display()))?;
    let host = process::capture(
        process::cargo()
            .current_dir(root())
            .args([
                "run",
                "--quiet",
                "--manifest-path",
                PROBE,
                "--bin",
                "types",
                "--target-dir",
            ])
            .arg(target_dir().join("size")),
    )?;

    let cross = Cross::find(&[TARGET], "core")?;
    process::capture(cross.cargo("build")?.args([
        "--quiet",
        "--release",
        "--bins",
        "--manifest-path",
        PROBE,
    ]))?;
    let built = cross.output(TARGET, "release");
    statics::check(&built.join("statics"))?;
    let mut code = Vec::new();
    for role in ["client", "server", "sealed"] {
        code.push(code::read(role, &built.join(role))?);
    }
    let types = types::read(&host, &built.join("types"))?;
    let (firmware, costs) = measure_firmware()?;
    code.extend(firmware);
    Ok(Sizes { types, code, costs })
}

/// Builds the firmware and reads its programs; runs the one that counts instructions.
fn measure_firmware() -> Result<(Vec<code::Code>, Vec<instructions::Cost>)> {
    machine::ensure_emulator()?;
    let built = firmware::build()?;
    let mut code = Vec::new();
    for firmware::Board { name, .. } in firmware::BOARDS {
        for program in ["sensor", "hub"] {
            let path = built.join(name).join(program);
            code.push(code::read(&format!("{program}, {name}"), &path)?);
        }
    }
    let costs = instructions::measure(&built.join("mps2-an385").join("counts"))?;
    Ok((code, costs))
}

impl Sizes {
    fn show(&self) {
        println!("memory, bytes: {:>12} {:>8} {:>8}", "here", "32-bit", "aim");
        for row in &self.types {
            let aim = row
                .aim()
                .map_or_else(|| "-".to_owned(), |aim| aim.to_string());
            println!(
                "{:<17} {:>9} {:>8} {aim:>8}  {}",
                row.name,
                row.here,
                row.small,
                row.parts()
            );
        }
        println!("\ncode, bytes, {TARGET}, optimised for size");
        for code in &self.code {
            println!("{code}");
        }
        println!("\ninstructions on a Cortex-M3, one packet");
        for cost in &self.costs {
            println!("{cost}");
        }
    }

    fn check(&self) -> Result<()> {
        for row in &self.types {
            if let Some(aim) = row.aim()
                && row.here.max(row.small) > aim
            {
                bail!(
                    "a {} takes {} bytes, above its aim of {aim}",
                    row.name,
                    row.here
                );
            }
        }
        for (aim, what) in AIMS {
            let above = self
                .code
                .iter()
                .find(|code| code.is(what) && code.total() > *aim);
            if let Some(code) = above {
                bail!(
                    "{what} takes {} bytes of flash, above its aim of {aim}",
                    code.total()
                );
            }
        }
        Ok(())
    }

    fn to_json(&self) -> serde_json::Value {
        let types: Vec<_> = self.types.iter().map(types::Row::to_json).collect();
        let code: Vec<_> = self.code.iter().map(code::Code::to_json).collect();
        let costs: Vec<_> = self.costs.iter().map(instructions::Cost::to_json).collect();
        json!({ "types": types, "target": TARGET, "code": code, "instructions": costs })
    }
}
