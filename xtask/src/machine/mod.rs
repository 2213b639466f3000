//! Programs that steps need: found, compared with the required versions, and installed where that
//! is permitted.
//!
//! | file | contents |
//! | --- | --- |
//! | `needs` | required programs and versions |
//! | `decide` | the decision: use, install or refuse |
//! | `debian` | Debian's package manager |
//! | `version` | versions, read and compared |

mod debian;
mod decide;
mod needs;
mod version;

use std::process::Command;

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process::{self, capture};
use crate::toolchain::Cross;
use decide::{Asked, Debian, Decision, Found, Need, Part, decide};

pub(crate) use needs::{CHROMEDRIVER, CHROMIUM, DEBIAN_RUSTC, FIREFOX};
pub(crate) use version::Version;

/// Ensures the emulator of the firmware's boards.
pub(crate) fn ensure_emulator() -> Result<()> {
    ensure(&needs::emulator())
}

/// Ensures the browser and its driver.
pub(crate) fn ensure_browser() -> Result<()> {
    ensure(&needs::browser())
}

/// Ensures the second browser, which not every machine can have.
pub(crate) fn ensure_firefox() -> Result<()> {
    ensure(&needs::firefox())
}

/// Ensures the Node.js that the compiler and the optimiser of the npm package need.
pub(crate) fn ensure_node() -> Result<()> {
    ensure(&needs::node())
}

/// Ensures the Node.js that the browser tests need.
pub(crate) fn ensure_node_for_tests() -> Result<()> {
    ensure(&needs::node_for_tests())
}

/// Ensures the compiler of libFuzzer.
pub(crate) fn ensure_cpp_compiler() -> Result<()> {
    ensure(&needs::cpp_compiler())
}

/// Ensures Redis.
pub(crate) fn ensure_redis() -> Result<()> {
    ensure(&needs::redis())
}

/// Ensures Python with the module that makes environments.
pub(crate) fn ensure_python() -> Result<()> {
    if process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])) {
        return Ok(());
    }
    ensure(&needs::python())
}

/// Ensures npm.
pub(crate) fn ensure_npm() -> Result<()> {
    ensure(&needs::npm())
}

/// Ensures the checker of systemd's units.
pub(crate) fn ensure_systemd() -> Result<()> {
    ensure(&needs::systemd())
}

/// Ensures Debian's compiler, for targets whose libraries are not installed beside the default one.
pub(crate) fn ensure_debian_compiler(missing: &[String]) -> Result<()> {
    ensure(&needs::debian_compiler(missing))
}

/// Ensures a component that rustup's minimal profile omits. Cargo runs it as `subcommand`.
pub(crate) fn ensure_component(subcommand: &str, component: &str) -> Result<()> {
    if !process::succeeds(process::cargo().args([subcommand, "--version"])) {
        bail!("{component} is missing; run `rustup component add {component}`");
    }
    Ok(())
}

/// Ensures all needs at once, so that missing programs are reported before the long steps. Goes on
/// after a refusal.
pub(crate) fn run() -> Result<Outcome> {
    let all = [
        ensure_component("fmt", "rustfmt"),
        ensure_component("clippy", "clippy"),
        Cross::find(&crate::no_std::TARGETS, "core")
            .map(|cross| println!("compiler for other targets: {}", cross.describe())),
        ensure_emulator(),
        ensure_node_for_tests(),
        ensure_npm(),
        ensure_browser(),
        ensure_redis(),
        ensure_systemd(),
        ensure_python(),
    ];
    let refusals: Vec<_> = all.into_iter().filter_map(Result::err).collect();
    if !refusals.is_empty() {
        let all: Vec<_> = refusals.iter().map(|why| format!("\n  {why:#}")).collect();
        bail!("{}", all.concat());
    }
    Ok(Outcome::Passed)
}

fn ensure(need: &Need) -> Result<()> {
    let mut tried = None;
    loop {
        let parts = probe(need);
        // Tested first, since the package manager is slow.
        if need.serves(&parts) {
            return Ok(());
        }
        let debian = probe_debian(need, tried);
        match decide(&Found { parts, debian }, need) {
            Decision::Use => return Ok(()),
            Decision::Refresh => debian::refresh(),
            Decision::Install => tried = Some(debian::install(&need.packages()).is_ok()),
            Decision::Refuse(why) => bail!(why),
        }
    }
}

/// Version of each part.
fn probe(need: &Need) -> Vec<Option<Version>> {
    let version = |part: &Part| match part.asked {
        Asked::Program(program) => says(program),
        Asked::PackageManager => debian::installed(part.package),
    };
    need.parts.iter().map(version).collect()
}

/// State of the package manager. `tried` is the result of installing, if that was tried.
fn probe_debian(need: &Need, tried: Option<bool>) -> Debian {
    match (tried, debian::refreshed()) {
        (Some(succeeded), _) => Debian::Tried { succeeded },
        (None, Some(refreshed)) => Debian::Lists {
            offered: need.packages().into_iter().map(debian::offered).collect(),
            refreshed,
        },
        (None, None) if !debian::is_here() => Debian::Absent,
        (None, None) if !debian::is_ours() => Debian::NotOurs,
        (None, None) => Debian::OldLists,
    }
}

/// Version reported by a program, if it runs.
fn says(program: &str) -> Option<Version> {
    Version::read(&capture(Command::new(program).arg("--version")).ok()?)
}
