//! Packages for crates.io: packed without a warning, and compiled from their own files.
//!
//! `cargo publish --dry-run` adds one thing to `cargo package`: it asks the registry whether the
//! version is taken. Both verify each crate in a build of its own, dependencies included, which takes
//! minutes for six crates. Here the unpacked packages form one workspace with our profiles and
//! lock file, so the dependencies that `clippy` has compiled serve again. A file that `include`
//! omits still breaks the build, and so does a crate that relies on unpublished parts of another.
//! Not covered: files that only a build for browsers reads, so `netcode-wasm` includes its whole
//! `glue` folder.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, run};
use crate::steps::Outcome;
use crate::workspace::{Package, cargo, packages, root, target_dir};

/// Files that every package must have, as they are at the root.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn package() -> Result<Outcome> {
    let mut packages = packages()?;
    packages.retain(Package::is_published);
    pack(&packages)?;
    let unpacked = target_dir().join("unpacked");
    unpack(&packages, &unpacked)?;
    for package in &packages {
        check_licences(&unpacked.join(package.folder()))?;
    }
    build(&unpacked)?;
    Ok(Outcome::Passed)
}

/// Packs all crates in one command, in which cargo treats each as published for those that depend on
/// it.
///
/// Uncommitted files are allowed: this checks a change before it is committed, and `cargo publish`
/// refuses them. Offline, since the result must not depend on what the registry holds today.
fn pack(packages: &[Package]) -> Result<()> {
    run(cargo("fetch").arg("--locked"))?;
    let mut pack = cargo("package");
    pack.args(["--no-verify", "--allow-dirty", "--offline", "--color=never"]);
    for package in packages {
        pack.args(["-p", &package.name]);
    }
    let said = process::capture_errors(&mut pack)?;
    print!("{said}");
    if said.lines().any(is_warning) {
        bail!("cargo warns of a package");
    }
    Ok(())
}

/// True for any warning but that of a test or benchmark that `include` omits. Those that need files
/// of another crate are omitted on purpose, and cargo has no setting for that.
fn is_warning(line: &str) -> bool {
    let left_out = |kind| line.starts_with(&format!("warning: ignoring {kind} `"));
    line.starts_with("warning") && !left_out("test") && !left_out("benchmark")
}

/// Unpacks the packages into a workspace that resolves them in place of the registry's. The files get
/// today's date: in a package all have the same one, and cargo would see no change.
fn unpack(packages: &[Package], into: &Path) -> Result<()> {
    if into.exists() {
        std::fs::remove_dir_all(into)?;
    }
    std::fs::create_dir_all(into)?;
    let mut manifest =
        String::from("[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n");
    for package in packages {
        let folder = package.folder();
        let packed = target_dir().join(format!("package/{folder}.crate"));
        run(Command::new("tar")
            .arg("-xzmf")
            .arg(packed)
            .arg("-C")
            .arg(into))?;
        writeln!(manifest, "{} = {{ path = \"{folder}\" }}", package.name)?;
    }
    std::fs::write(into.join("Cargo.toml"), manifest)?;
    std::fs::copy(root().join("Cargo.lock"), into.join("Cargo.lock"))?;
    Ok(())
}

fn check_licences(folder: &Path) -> Result<()> {
    for name in LICENCES {
        let packed = folder.join(name);
        let text = std::fs::read(&packed).with_context(|| format!("no {}", packed.display()))?;
        if text != std::fs::read(root().join(name))? {
            bail!("{} is not the licence at the root", packed.display());
        }
    }
    Ok(())
}

/// Compiles all targets of the packages, with our profiles: others would recompile the dependencies.
fn build(workspace: &Path) -> Result<()> {
    let mut check = cargo("check");
    check.current_dir(workspace);
    check.args([
        "--offline",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--all-features",
    ]);
    check.arg("--config").arg(root().join("Cargo.toml"));
    run(check.arg("--target-dir").arg(target_dir()))
}

impl Package {
    /// Name of the packed file, without its ending, and of the only folder in it.
    fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_left_out_is_no_warning_and_a_program_is_one() {
        let left_out = |kind| {
            format!(
                "warning: ignoring {kind} `it` as `it.rs` is not included in the published package"
            )
        };
        assert!(!is_warning(&left_out("test")));
        assert!(!is_warning(&left_out("benchmark")));
        assert!(is_warning(&left_out("example")));
        assert!(is_warning(
            "warning: manifest has no documentation, homepage or repository"
        ));
        assert!(!is_warning("   Packaging netcode-core v0.1.0"));
    }
}
