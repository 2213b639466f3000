//! Programs that steps need of the machine: found, compared with what is needed, and installed
//! where that is allowed.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `needs` | what is needed, in which versions |
//! | `decide` | the decision by what was found: use, install or refuse |
//! | `debian` | Debian's package manager |
//! | `version` | versions, read and compared |

mod debian;
mod decide;
mod needs;
mod version;

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{self, capture};
use crate::steps::Outcome;
use crate::toolchain::Cross;
use decide::{Asked, Debian, Decision, Found, Need, Part, decide};

pub(crate) use needs::{CHROMEDRIVER, CHROMIUM, DEBIAN_RUSTC};
pub(crate) use version::Version;

/// The emulator of the firmware's boards.
pub(crate) fn ensure_emulator() -> Result<()> {
    ensure(&needs::emulator())
}

/// The browser and what drives it.
pub(crate) fn ensure_browser() -> Result<()> {
    ensure(&needs::browser())
}

/// Node.js as the compiler and the optimiser of the npm package need it.
pub(crate) fn ensure_node() -> Result<()> {
    ensure(&needs::node())
}

/// Node.js as the browser's tests need it.
pub(crate) fn ensure_node_for_tests() -> Result<()> {
    ensure(&needs::node_for_tests())
}

/// What installs the npm packages.
pub(crate) fn ensure_npm() -> Result<()> {
    ensure(&needs::npm())
}

/// Debian's compiler, for targets whose libraries are not installed beside ours.
pub(crate) fn ensure_debian_compiler(missing: &[String]) -> Result<()> {
    ensure(&needs::debian_compiler(missing))
}

/// A component of Rust that rustup's smallest profile leaves out. Cargo runs it as `subcommand`.
pub(crate) fn ensure_component(subcommand: &str, component: &str) -> Result<()> {
    if !process::succeeds(process::cargo().args([subcommand, "--version"])) {
        bail!("{component} is missing; run `rustup component add {component}`");
    }
    Ok(())
}

/// All of it at once, so that what is missing is known before the long steps. Goes on after a
/// refusal.
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
        // Asked first, for the package manager takes its time to answer.
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

/// `tried`: whether installing has succeeded, if that was tried.
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

/// Version that a program says it has, if it runs.
fn says(program: &str) -> Option<Version> {
    Version::read(&capture(Command::new(program).arg("--version")).ok()?)
}
