//! The crates as they are published: packed, and built from what was packed.
//!
//! `cargo publish --dry-run` is `cargo package`, and asks the registry whether the version is taken.
//! Both build every crate on its own, each with all of its dependencies, which takes minutes and
//! finds what `features` finds. Here the packages become one workspace whose dependencies `clippy`
//! has compiled. Each crate is built from the files in its package alone, against the others'
//! packages: what `include` forgot is missed all the same. It is not where only a browser's build
//! reads it, so `netcode-wasm` packs all of `glue`.

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

/// Packs all at once: cargo then takes those that depend on others for published already.
///
/// Whoever works on a change has files that are not committed; `cargo publish` refuses them soon
/// enough. What others have published since `Cargo.lock` was written changes nothing here, so no
/// registry is asked.
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

/// A test that needs files of another crate stays out of the package on purpose, and cargo has no
/// way to be told so.
fn is_warning(line: &str) -> bool {
    let left_out = |kind| line.starts_with(&format!("warning: ignoring {kind} `"));
    line.starts_with("warning") && !left_out("test") && !left_out("benchmark")
}

/// Unpacks the packages into a workspace in which they are the registry's. As new files: those in a
/// package are all of one date, by which cargo would take any change for compiled already.
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

/// Compiles everything in the packages. With our profiles, or each dependency would be compiled anew.
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
    /// What the package's file and the only folder in it are called.
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
