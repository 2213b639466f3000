//! Debian's package manager: installed versions, offered versions, installation.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::Result;

use super::version::Version;
use crate::process::{self, capture};

/// `true` if the package manager is present.
pub(super) fn is_here() -> bool {
    process::succeeds(Command::new("apt-get").arg("--version"))
}

/// `true` if this process may install packages.
pub(super) fn is_ours() -> bool {
    capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Version of a completely installed package.
pub(super) fn installed(package: &str) -> Option<Version> {
    let mut query = Command::new("dpkg-query");
    query.args([
        "--show",
        "--showformat=${db:Status-Abbrev} ${Version}",
        package,
    ]);
    read_installed(&capture(&mut query).ok()?)
}

/// Parses `ii  1.96.0+dfsg1-1~deb12u2`. The first letter is the desired state, the second the
/// actual one.
fn read_installed(said: &str) -> Option<Version> {
    let (state, version) = said.split_once(' ')?;
    (state.get(1..) == Some("i")).then(|| Version::read(version))?
}

/// Version of a package that would be installed.
pub(super) fn offered(package: &str) -> Option<Version> {
    let mut policy = Command::new("apt-cache");
    policy.env("LC_ALL", "C").args(["policy", package]);
    read_offered(&capture(&mut policy).ok()?)
}

fn read_offered(said: &str) -> Option<Version> {
    let mut lines = said.lines().map(str::trim);
    Version::read(lines.find_map(|line| line.strip_prefix("Candidate: "))?)
}

/// Result of refreshing the lists; empty before the first attempt. One attempt a run suffices.
static REFRESHED: OnceLock<bool> = OnceLock::new();

pub(super) fn refreshed() -> Option<bool> {
    REFRESHED.get().copied()
}

/// Refreshes the package lists. An unreachable source makes it fail, and still leaves the new lists
/// of all others.
pub(super) fn refresh() {
    REFRESHED.get_or_init(|| {
        let mut update = apt_get();
        // Without this it succeeds when no source was reachable.
        update.args(["-o", "APT::Update::Error-Mode=any", "update"]);
        process::run(&mut update).is_ok()
    });
}

/// Installs or upgrades packages, without removing others: one in the way may be a compiler in use.
/// One in the way that is of another release (a backport) is exchanged for that of the lists.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let install = || process::run(installation().arg("--no-remove").args(packages));
    install()
        .or_else(|_| {
            // After an interrupted installation, every other one is refused until this is done.
            process::run(Command::new("dpkg").args(["--configure", "-a"]))?;
            install()
        })
        .or_else(|error| {
            let said = capture(installation().arg("--simulate").args(packages))?;
            let exchanged: Option<Vec<_>> = read_removed(&said).map(of_the_lists).collect();
            let Some(exchanged) = exchanged else {
                return Err(error);
            };
            let mut exchange = installation();
            exchange.args(["--no-remove", "--allow-downgrades"]);
            process::run(exchange.args(packages).args(exchanged))
        })
}

fn installation() -> Command {
    let mut install = apt_get();
    install.args(["install", "--no-install-recommends", "--fix-broken"]);
    install
}

/// Packages that a simulated installation removes: `Remv qemu-utils [1:10.0.2+ds-2]`.
fn read_removed(said: &str) -> impl Iterator<Item = &str> {
    let lines = said.lines().filter_map(|line| line.strip_prefix("Remv "));
    lines.filter_map(|line| line.split(' ').next())
}

/// A package at its newest version in the lists, `name=version`.
fn of_the_lists(package: &str) -> Option<String> {
    let said = capture(Command::new("apt-cache").args(["madison", package])).ok()?;
    let version = read_newest(&said)?;
    Some(format!("{package}={version}"))
}

/// Version in the first line of `qemu-utils | 1:7.2+dfsg-7 | http://… Packages`.
fn read_newest(said: &str) -> Option<&str> {
    said.lines().next()?.split('|').nth(1).map(str::trim)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    // A machine that has just started may be upgrading itself.
    command.args(["-qq", "-y", "-o", "DPkg::Lock::Timeout=300"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_package_that_is_installed_completely_has_a_version() {
        let version = Some(Version(1, 96, 0));
        assert_eq!(read_installed("ii  1.96.0+dfsg1-1~deb12u2"), version);
        assert_eq!(read_installed("hi  1.96.0+dfsg1-1~deb12u2"), version);
        for state in ["iF ", "iU ", "iH ", "rc ", "un ", "iHR"] {
            assert_eq!(read_installed(&format!("{state} 1.96.0")), None, "{state}");
        }
        assert_eq!(read_installed("un  "), None);
        assert_eq!(read_installed(""), None);
    }

    #[test]
    fn the_version_that_would_be_installed_is_the_candidate() {
        let said = "rustc-web:\n  Installed: 1.85.0+dfsg3-1~deb12u3\n  \
                    Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n     1.85.0 500\n";
        assert_eq!(read_offered(said), Some(Version(1, 96, 0)));
        assert_eq!(
            read_offered("npm:\n  Installed: (none)\n  Candidate: (none)\n"),
            None
        );
        // Output for a package that is in no list.
        assert_eq!(read_offered(""), None);
    }

    #[test]
    fn a_package_in_the_way_is_named_at_the_version_of_the_lists() {
        let said = "Remv qemu-utils [1:10.0.2+ds-2+deb13u1~bpo12+1]\n\
                    Inst qemu-system-arm (1:7.2+dfsg-7 Debian:12 [amd64])\n";
        assert_eq!(read_removed(said).collect::<Vec<_>>(), ["qemu-utils"]);
        let said = "qemu-utils | 1:7.2+dfsg-7+b3 | http://a bookworm/main amd64 Packages\n\
                    qemu-utils | 1:7.2+dfsg-7 | http://a bookworm-security/main amd64 Packages\n";
        assert_eq!(read_newest(said), Some("1:7.2+dfsg-7+b3"));
        assert_eq!(read_newest(""), None);
    }
}
