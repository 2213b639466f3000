//! Programs of the browser steps that cargo and npm install.
//!
//! Versions are pinned in the files that need them anyway: the test runner has the version of its
//! library in `Cargo.lock`, and npm's packages are in `netcode-wasm/package-lock.json`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::folder;
use crate::cargo_tools::CargoTool;
use crate::machine::{self, CHROMEDRIVER, CHROMIUM, FIREFOX};
use crate::process::{capture, run};
use crate::workspace::root;

/// Test runner of wasm modules in a browser. It must have exactly the library's version: their
/// common protocol changes with every release.
pub(super) fn test_runner() -> Result<PathBuf> {
    let program = "wasm-bindgen-test-runner";
    CargoTool {
        program,
        package: "wasm-bindgen-cli",
        version: &locked_version("wasm-bindgen")?,
        asked: &["--version"],
        // It uses plain HTTP to this machine; its TLS took a third of the build time.
        flags: &["--no-default-features", "--bin", program],
    }
    .find()
}

/// Version in `Cargo.lock` of a package that occurs once.
fn locked_version(package: &str) -> Result<String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock"))?;
    let (_, rest) = lock
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .with_context(|| format!("no {package} in Cargo.lock"))?;
    let version = rest.split('"').next();
    Ok(version.context("Cargo.lock is truncated")?.to_owned())
}

/// Command installed by npm, together with everything in the lock file.
///
/// It is installed beside the sources, and not in the target folder, because scripts and editors
/// look there for imports.
pub(super) fn npm(program: &str) -> Result<Command> {
    ensure_npm_packages()?;
    let mut command = Command::new(folder().join("node_modules/.bin").join(program));
    command.current_dir(folder());
    Ok(command)
}

fn ensure_npm_packages() -> Result<()> {
    // The installed packages need it too.
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

/// Values by which npm selects packages.
const NODE: &str = "[process.version, process.platform, process.arch].join(' ')";

/// Key of an installation. Under a Node.js too old for them, npm omits the platform-specific parts
/// without an error; a newer one does not find them later.
fn wanted(node: &str, lock: &str) -> String {
    format!("{}\n{lock}", node.trim())
}

/// Environment variables that tell tests the browsers' paths.
pub(super) fn browser_variables() -> [(&'static str, OsString); 3] {
    [
        ("CHROMEDRIVER", CHROMEDRIVER.into()),
        ("CHROMIUM", CHROMIUM.into()),
        ("FIREFOX", FIREFOX.into()),
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
