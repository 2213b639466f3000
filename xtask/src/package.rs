//! Packages for crates.io: packed without warnings, and compiled from their own files.
//!
//! `cargo publish --dry-run` adds one thing to `cargo package`: a query whether the registry has
//! the version already. Both verify each crate in a separate build, dependencies included, which
//! takes minutes for six crates. Here the unpacked packages form one workspace with the profiles
//! and lock file of this one, so the dependencies that `clippy` has compiled are reused. A file
//! that `include` omits still breaks the build, and so does a crate that relies on unpublished
//! parts of another. Not covered: files that only a browser build reads, so `netcode-wasm` includes
//! its whole `glue` folder.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::outcome::Outcome;
use crate::process::{self, run};
use crate::workspace::{Package, cargo, packages, root, target_dir};

/// Files that every package must contain, identical to those at the root.
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

/// Packs all crates in one command, in which cargo treats each as published for its dependents.
///
/// Uncommitted files are allowed, since this checks a change before its commit, and `cargo publish`
/// refuses them. Offline, so that the result does not depend on the state of the registry.
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

/// `true` for any warning except that `include` omits a test or benchmark. Those that need files of
/// another crate are omitted on purpose, and cargo has no setting for that.
fn is_warning(line: &str) -> bool {
    let left_out = |kind| line.starts_with(&format!("warning: ignoring {kind} `"));
    line.starts_with("warning") && !left_out("test") && !left_out("benchmark")
}

/// Unpacks the packages into a workspace that uses them in place of the registry's. The files get
/// the current time: packed files all have the same one, and cargo would detect no change.
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

/// Compiles all targets of the packages, with this workspace's profiles: others would recompile the
/// dependencies.
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
    /// Name of the packed file without its extension, and of the only folder in it.
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
