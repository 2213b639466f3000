//! Compilers for other targets: rustup's where the targets are installed, else Debian's.
//!
//! Debian's `rustc-web` with `rust-web-src` builds the standard library for any target along with
//! our code. It needs cargo's unstable `-Zbuild-std`, which is kept in here: no committed cargo
//! configuration asks for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::{root, target_dir};

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/core/src/lib.rs";
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// A way to build for one or more targets.
#[derive(Debug)]
pub(crate) struct Cross {
    targets: Vec<String>,
    way: Way,
    target_dir: PathBuf,
}

#[derive(Debug)]
enum Way {
    /// The targets' libraries are installed beside our own compiler.
    Installed,
    /// Debian's compiler, which builds these crates of the standard library too.
    Debian { build_std: String },
}

impl Cross {
    /// Finds a way, and installs Debian's compiler if that is the only one and we are root.
    ///
    /// `build_std` lists the crates that Debian's way must build: `core`, `core,alloc`, or
    /// `std,panic_abort`.
    ///
    /// # Errors
    /// There is none; the message says what to install.
    pub(crate) fn find(targets: &[&str], build_std: &str) -> Result<Self> {
        let missing = missing_targets(targets)?;
        let way = if missing.is_empty() {
            Way::Installed
        } else {
            ensure_debian(&missing)?;
            Way::Debian {
                build_std: build_std.to_owned(),
            }
        };
        Ok(Self {
            targets: targets.iter().map(|&target| target.to_owned()).collect(),
            way,
            target_dir: target_dir().join("cross"),
        })
    }

    /// The same way, for one of its targets.
    pub(crate) fn only(&self, target: &str) -> Self {
        let way = match &self.way {
            Way::Installed => Way::Installed,
            Way::Debian { build_std } => Way::Debian {
                build_std: build_std.clone(),
            },
        };
        let target_dir = self.target_dir.clone();
        Self {
            targets: vec![target.to_owned()],
            way,
            target_dir,
        }
    }

    /// `cargo SUBCOMMAND` for the targets, at the repository's root.
    ///
    /// It builds in a folder of its own: host builds and these would throw each other's results
    /// away.
    pub(crate) fn cargo(&self, subcommand: &str) -> Result<Command> {
        let mut command = process::cargo();
        command.current_dir(root()).arg(subcommand);
        if let Way::Debian { build_std } = &self.way {
            command.arg(format!("-Zbuild-std={build_std}"));
            // Without backtraces, which none of these targets can take, and their crates.
            command.arg("-Zbuild-std-features=");
            command
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1");
            // Cargo runs these around the compiler; they know only our own.
            command
                .env_remove("RUSTC_WRAPPER")
                .env_remove("RUSTC_WORKSPACE_WRAPPER");
            command.env("PATH", path_with_linker()?);
        }
        for target in &self.targets {
            command.args(["--target", target]);
        }
        command.arg("--target-dir").arg(&self.target_dir);
        Ok(command)
    }

    /// Where the results for a target lie. `profile` is `release` or `debug`.
    pub(crate) fn output(&self, target: &str, profile: &str) -> PathBuf {
        self.target_dir.join(target).join(profile)
    }

    /// Which compiler this is, in a few words.
    pub(crate) fn describe(&self) -> &'static str {
        match self.way {
            Way::Installed => "installed targets",
            Way::Debian { .. } => "Debian's rustc-web with build-std",
        }
    }
}

fn missing_targets(targets: &[&str]) -> Result<Vec<String>> {
    let libraries = sysroot()?.join("lib/rustlib");
    let has = |target: &str| libraries.join(target).join("lib").is_dir();
    Ok(targets
        .iter()
        .filter(|&&target| !has(target))
        .map(|&it| it.to_owned())
        .collect())
}

fn ensure_debian(missing: &[String]) -> Result<()> {
    let present = || Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_SOURCE).exists();
    if !present() && can_install() {
        install(&DEBIAN_PACKAGES)?;
    }
    if !present() {
        bail!(
            "no compiler for {0}: run `rustup target add {0}`, or on Debian \
             `apt-get install --no-install-recommends {1}`",
            missing.join(" "),
            DEBIAN_PACKAGES.join(" ")
        );
    }
    Ok(())
}

/// Whether this is a Debian where we may install packages.
fn can_install() -> bool {
    let root = process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    root && process::succeeds(Command::new("apt-get").arg("--version"))
}

/// Installs packages of Debian, with a fresh list of packages if the one at hand is too old.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-qq", "-y"])
            .args(words);
        process::run(&mut command)
    };
    let words: Vec<&str> = ["install", "--no-install-recommends"]
        .iter()
        .chain(packages)
        .copied()
        .collect();
    if apt(&words).is_ok() {
        return Ok(());
    }
    apt(&["update"])?;
    apt(&words)
}

/// Bare-metal targets link with `rust-lld`, which lies hidden beside our own compiler.
fn path_with_linker() -> Result<OsString> {
    let hidden = sysroot()?.join("lib/rustlib").join(host()?).join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(
        std::iter::once(hidden).chain(std::env::split_paths(&path)),
    )?)
}

fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(root());
    command
}

fn sysroot() -> Result<PathBuf> {
    Ok(PathBuf::from(
        process::capture(rustc().args(["--print", "sysroot"]))?.trim(),
    ))
}

fn host() -> Result<String> {
    let version = process::capture(rustc().arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}
