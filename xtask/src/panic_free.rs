//! Proof that nothing in the core panics: a program that does not link if anything could.

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process;
use crate::size::PROBE;
use crate::toolchain::Cross;

const TARGET: &str = "thumbv7m-none-eabi";

pub(crate) fn run() -> Result<Outcome> {
    let cross = Cross::find(&[TARGET], "core")?;
    let mut build = cross.cargo("build")?;
    build.args([
        "--quiet",
        "--release",
        "--bin",
        "panic_free",
        "--manifest-path",
        PROBE,
    ]);
    if process::run(&mut build).is_err() {
        bail!("a panic is reachable: the linker names its callers");
    }
    Ok(Outcome::Passed)
}
