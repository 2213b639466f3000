//! Needs of the steps, with versions. The oldest version named is the oldest that was tried, unless
//! a reason is given.

use super::decide::{Agreement, Asked, Need, Part};
use super::version::{AtLeast, Version};

pub(crate) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
pub(crate) const CHROMIUM: &str = "/usr/bin/chromium";
pub(crate) const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
pub(crate) const FIREFOX: &str = "/usr/bin/firefox-esr";

/// Debian's compiler, the source and the host's build of the standard library. All three must have
/// one version: a compiler reads no other's libraries.
pub(super) fn debian_compiler(missing: &[String]) -> Need {
    let at_least = AtLeast(Version::of_workspace().into_iter().collect());
    let part = |asked, package| Part { asked, package };
    let (purpose, elsewhere) = if missing.is_empty() {
        // All are present, with a compiler that is too old.
        (
            "compiler for other targets".into(),
            "run `rustup update`".into(),
        )
    } else {
        let targets = missing.join(" ");
        (
            format!("compiler for {targets}"),
            format!("run `rustup target add {targets}`"),
        )
    };
    Need {
        purpose,
        parts: vec![
            part(Asked::Program(DEBIAN_RUSTC), "rustc-web"),
            part(Asked::PackageManager, "rust-web-src"),
            part(Asked::PackageManager, "libstd-rust-web-dev"),
        ],
        at_least,
        agreement: Agreement::Everything,
        elsewhere,
    }
}

pub(super) fn emulator() -> Need {
    one(
        "emulator of the boards",
        Asked::Program("qemu-system-arm"),
        "qemu-system-arm",
        &[Version(7, 2, 0)],
        "install QEMU 7.2 or later with its Arm machines",
    )
}

pub(super) fn browser() -> Need {
    let part = |program, package| Part {
        asked: Asked::Program(program),
        package,
    };
    Need {
        purpose: "browser".into(),
        parts: vec![
            part(CHROMIUM, "chromium"),
            part(CHROMEDRIVER, "chromium-driver"),
        ],
        at_least: AtLeast(vec![Version(156, 0, 0)]),
        agreement: Agreement::Major,
        elsewhere: format!(
            "install Chromium 156 or later as {CHROMIUM}, and its driver of the same version as \
             {CHROMEDRIVER}"
        ),
    }
}

pub(super) fn firefox() -> Need {
    one(
        "Firefox",
        Asked::Program(FIREFOX),
        "firefox-esr",
        &[Version(153, 0, 0)],
        &format!("install Firefox 153 or later as {FIREFOX}"),
    )
}

pub(super) fn node() -> Need {
    one(
        "Node.js",
        Asked::Program("node"),
        "nodejs",
        &[Version(18, 20, 0)],
        "install Node.js 20 or later (https://nodejs.org)",
    )
}

/// Versions that Vite requires.
pub(super) fn node_for_tests() -> Need {
    one(
        "Node.js",
        Asked::Program("node"),
        "nodejs",
        &[Version(20, 19, 0), Version(22, 12, 0)],
        "install Node.js 20.19 or 22.12 or later (https://nodejs.org)",
    )
}

pub(super) fn systemd() -> Need {
    one(
        "systemd-analyze",
        Asked::Program("systemd-analyze"),
        "systemd",
        &[Version(252, 0, 0)],
        "install systemd 252 or later",
    )
}

/// Compiler of libFuzzer.
pub(super) fn cpp_compiler() -> Need {
    one(
        "C++ compiler, for libFuzzer",
        Asked::Program("c++"),
        "g++",
        &[Version(12, 2, 0)],
        "install g++ 12.2 or clang 14, or later, as c++",
    )
}

/// Redis, for the tests of the matchmaker's state.
pub(super) fn redis() -> Need {
    one(
        "Redis",
        Asked::Program("redis-server"),
        "redis-server",
        &[Version(7, 0, 0)],
        "install Redis 7.0 or later",
    )
}

/// Python, with the module that makes environments, which Debian packages apart.
pub(super) fn python() -> Need {
    Need {
        purpose: "Python with venv".into(),
        parts: vec![
            Part {
                asked: Asked::Program("python3"),
                package: "python3",
            },
            Part {
                asked: Asked::PackageManager,
                package: "python3-venv",
            },
        ],
        at_least: AtLeast(vec![Version(3, 10, 0)]),
        agreement: Agreement::Nothing,
        elsewhere: "install Python 3.10 or later with its venv module".into(),
    }
}

/// npm, which comes with Node.js, but not with Debian's.
pub(super) fn npm() -> Need {
    one(
        "npm",
        Asked::Program("npm"),
        "npm",
        &[Version(9, 2, 0)],
        "install Node.js 20 or later with its npm (https://nodejs.org)",
    )
}

fn one(
    purpose: &str,
    asked: Asked,
    package: &'static str,
    at_least: &[Version],
    elsewhere: &str,
) -> Need {
    Need {
        purpose: purpose.into(),
        parts: vec![Part { asked, package }],
        at_least: AtLeast(at_least.to_vec()),
        agreement: Agreement::Nothing,
        elsewhere: elsewhere.into(),
    }
}
