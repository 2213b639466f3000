//! Compilers for other targets: rustup's where the targets are installed, else Debian's.
//!
//! Debian's `rustc-web` with `rust-web-src` builds the standard library for any target together
//! with the project. It needs cargo's unstable `-Zbuild-std`, which stays inside this module: no
//! committed cargo configuration uses it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::machine::{DEBIAN_RUSTC, Version, ensure_debian_compiler};
use crate::process;
use crate::workspace::{root, target_dir};

/// Toolchain for one or more targets.
#[derive(Debug)]
pub(crate) struct Cross {
    targets: Vec<String>,
    way: Way,
    target_dir: PathBuf,
}

#[derive(Debug)]
enum Way {
    /// The targets' libraries are installed beside the default compiler.
    Installed,
    /// Debian's compiler, which builds these crates of the standard library too.
    Debian { build_std: String },
}

impl Cross {
    /// Finds a toolchain. If Debian's is the only one, its compiler is installed or upgraded if
    /// this process is root.
    ///
    /// `build_std` lists the crates that Debian's compiler must build: `core`, `core,alloc`, or
    /// `std,panic_abort`.
    ///
    /// # Errors
    /// No toolchain is available; the message says what to install.
    pub(crate) fn find(targets: &[&str], build_std: &str) -> Result<Self> {
        let own = OwnCompiler::probe(targets)?;
        let way = if own.serves(Version::of_workspace()) {
            Way::Installed
        } else {
            ensure_debian_compiler(&own.missing)?;
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

    /// The same toolchain, for one of its targets.
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
    /// It builds in a folder of its own: host builds and these would invalidate each other's
    /// results.
    pub(crate) fn cargo(&self, subcommand: &str) -> Result<Command> {
        let mut command = process::cargo();
        command.current_dir(root()).arg(subcommand);
        if let Way::Debian { build_std } = &self.way {
            command.arg(format!("-Zbuild-std={build_std}"));
            // Without backtraces, which none of these targets supports, and their crates.
            command.arg("-Zbuild-std-features=");
            command
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1");
            // Cargo runs these around the compiler; they know only the default one.
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

    /// Folder of the results for a target. `profile` is `release` or `debug`.
    pub(crate) fn output(&self, target: &str, profile: &str) -> PathBuf {
        self.target_dir.join(target).join(profile)
    }

    /// Short description of the compiler.
    pub(crate) fn describe(&self) -> &'static str {
        match self.way {
            Way::Installed => "installed targets",
            Way::Debian { .. } => "Debian's rustc-web with build-std",
        }
    }
}

/// Compiler that builds for the host.
struct OwnCompiler {
    version: Option<Version>,
    /// Targets whose libraries it lacks.
    missing: Vec<String>,
}

impl OwnCompiler {
    fn probe(targets: &[&str]) -> Result<Self> {
        let libraries = sysroot()?.join("lib/rustlib");
        let has = |target: &str| libraries.join(target).join("lib").is_dir();
        let missing = targets.iter().filter(|&&target| !has(target));
        Ok(Self {
            version: Version::read(&process::capture(rustc().arg("--version"))?),
            missing: missing.map(|&it| it.to_owned()).collect(),
        })
    }

    fn serves(&self, needed: Option<Version>) -> bool {
        self.missing.is_empty() && self.version >= needed
    }
}

/// `PATH` with `rust-lld`, the linker of bare-metal targets, which rustup keeps in a private folder
/// beside the default compiler. Debian's compiler does not include it.
fn path_with_linker() -> Result<OsString> {
    let hidden = tools_folder()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(hidden).chain(std::env::split_paths(&path)))?;
    let mut linker = Command::new("rust-lld");
    linker
        .args(["-flavor", "gnu", "--version"])
        .env("PATH", &path);
    if !process::succeeds(&mut linker) {
        bail!("no rust-lld; install Rust by rustup (https://rustup.rs), whose compiler brings it");
    }
    Ok(path)
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

/// Folder of the programs that rustup keeps beside the default compiler: its linker, LLVM's tools.
pub(crate) fn tools_folder() -> Result<PathBuf> {
    Ok(sysroot()?.join("lib/rustlib").join(host()?).join("bin"))
}

/// Target that the default compiler builds for.
pub(crate) fn host() -> Result<String> {
    described("host: ")
}

/// Major version of the default compiler's LLVM.
pub(crate) fn llvm_version() -> Result<String> {
    let version = described("LLVM version: ")?;
    let major = version.split('.').next().unwrap_or_default();
    Ok(major.to_owned())
}

/// Line of the default compiler's description of itself.
fn described(name: &str) -> Result<String> {
    let lines = process::capture(rustc().arg("-vV"))?;
    let line = lines.lines().find_map(|line| line.strip_prefix(name));
    let line = line.with_context(|| format!("rustc does not tell its `{name}`"))?;
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_compiler_serves_if_it_is_new_enough_and_has_every_target() {
        let needed = Some(Version(1, 91, 0));
        let compiler = |version, missing: &[&str]| OwnCompiler {
            version,
            missing: missing.iter().map(|&it| it.to_owned()).collect(),
        };
        assert!(compiler(needed, &[]).serves(needed));
        assert!(compiler(Some(Version(1, 95, 0)), &[]).serves(needed));
        assert!(!compiler(Some(Version(1, 95, 0)), &["thumbv7m-none-eabi"]).serves(needed));
        assert!(!compiler(Some(Version(1, 85, 0)), &[]).serves(needed));
        assert!(!compiler(None, &[]).serves(needed));
    }
}
