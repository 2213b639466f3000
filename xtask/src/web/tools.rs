//! Programs of the browser's steps that cargo and npm install.
//!
//! Versions are pinned where they are needed anyway: the runner of tests has that of the library in
//! `Cargo.lock`, and what npm brings is in `netcode-wasm/package-lock.json`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::folder;
use crate::cargo_tools::CargoTool;
use crate::machine::{self, CHROMEDRIVER, CHROMIUM};
use crate::process::{capture, run};
use crate::workspace::root;

/// Runs tests of wasm modules in a browser. Of exactly the library's version: the two speak a
/// language of their own, which changes with every release.
pub(super) fn test_runner() -> Result<PathBuf> {
    let program = "wasm-bindgen-test-runner";
    CargoTool {
        program,
        package: "wasm-bindgen-cli",
        version: &locked_version("wasm-bindgen")?,
        asked: &["--version"],
        // It speaks plain HTTP to this machine; its TLS took a third of the time.
        flags: &["--no-default-features", "--bin", program],
    }
    .find()
}

/// Reads the version that `Cargo.lock` has of a package of which there is one.
fn locked_version(package: &str) -> Result<String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock"))?;
    let (_, rest) = lock
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .with_context(|| format!("no {package} in Cargo.lock"))?;
    let version = rest.split('"').next();
    Ok(version.context("Cargo.lock ends early")?.to_owned())
}

/// A command that npm installed, with everything that the lock file asks for.
///
/// It is installed beside the sources, and not in the target folder, because that is where
/// scripts and editors look for what they import.
pub(super) fn npm(program: &str) -> Result<Command> {
    ensure_npm_packages()?;
    let mut command = Command::new(folder().join("node_modules/.bin").join(program));
    command.current_dir(folder());
    Ok(command)
}

fn ensure_npm_packages() -> Result<()> {
    // What is installed already needs it too.
    machine::ensure_node()?;
    let lock = std::fs::read_to_string(folder().join("package-lock.json"))?;
    let wanted = wanted(&capture(Command::new("node").args(["-p", NODE]))?, &lock);
    let stamp = folder().join("node_modules/.installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    machine::ensure_npm()?;
    let mut install = Command::new("npm");
    install.current_dir(folder());
    run(install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}

/// What npm chooses packages by.
const NODE: &str = "[process.version, process.platform, process.arch].join(' ')";

/// What the packages are installed for. Under a Node.js too old for them, npm leaves out the parts
/// that are of its platform, and says nothing; a newer one does not find them then.
fn wanted(node: &str, lock: &str) -> String {
    format!("{}\n{lock}", node.trim())
}

/// What tells tests where the browser is.
pub(super) fn browser_variables() -> [(&'static str, OsString); 2] {
    [
        ("CHROMEDRIVER", CHROMEDRIVER.into()),
        ("CHROMIUM", CHROMIUM.into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_anew_for_another_node_or_another_lock_file() {
        let installed = wanted("v18.20.4 linux x64\n", "{}");
        assert_eq!(wanted("v18.20.4 linux x64", "{}"), installed);
        assert_ne!(wanted("v20.20.2 linux x64", "{}"), installed);
        assert_ne!(wanted("v18.20.4 linux x64", "{\"a\": 1}"), installed);
    }
}
