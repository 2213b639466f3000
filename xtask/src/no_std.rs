//! Builds for targets without a standard library: the only proof that none is linked.

use anyhow::{Result, bail};

use crate::outcome::Outcome;
use crate::process;
use crate::toolchain::Cross;
use crate::workspace::{Package, packages};

pub(crate) const TARGETS: [&str; 5] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "riscv32imc-unknown-none-elf",
    "wasm32-unknown-unknown",
];

/// Crate that must build without the standard library.
struct Shell {
    package: &'static str,
    /// Features of each build. A build with a feature that the crate lacks is skipped.
    builds: &'static [&'static [&'static str]],
}

const SHELLS: &[Shell] = &[
    Shell {
        package: "netcode-core",
        builds: &[&[], &["sealed"], &["serde"]],
    },
    Shell {
        package: "netcode-smoltcp",
        builds: &[
            &["proto-ipv4", "medium-ethernet"],
            &["proto-ipv6", "medium-ethernet"],
            &["proto-ipv4", "proto-ipv6", "medium-ethernet", "medium-ip"],
            // embassy-net builds for all of these targets, including wasm32 and those without
            // atomic exchange: it locks by `critical-section`, which a program provides at link
            // time. So no target is excluded.
            &["embassy-net", "proto-ipv4", "medium-ethernet"],
            &["embassy-net", "proto-ipv6", "medium-ip"],
        ],
    },
];

pub(crate) fn run() -> Result<Outcome> {
    let packages = packages()?;
    let cross = Cross::find(&TARGETS, "core")?;
    println!("with {}", cross.describe());
    let mut broken = Vec::new();
    for shell in SHELLS {
        let Some(package) = packages
            .iter()
            .find(|package| package.name == shell.package)
        else {
            println!("{} is not here yet: not built", shell.package);
            continue;
        };
        for features in shell.builds {
            broken.extend(build(&cross, package, features)?);
        }
    }
    if !broken.is_empty() {
        bail!("does not build without std: {}", broken.join(", "));
    }
    Ok(Outcome::Passed)
}

/// Builds for all targets at once; if that fails, for each alone, to name those that fail.
fn build(cross: &Cross, package: &Package, features: &[&str]) -> Result<Vec<String>> {
    let name = format!("{} [{}]", package.name, features.join(","));
    if let Some(feature) = features.iter().find(|it| !package.has_feature(it)) {
        println!("{name}: there is no feature {feature} yet: not built");
        return Ok(Vec::new());
    }
    let succeeds = |cross: &Cross| -> Result<bool> {
        let mut command = cross.cargo("build")?;
        command.args(["--release", "--no-default-features", "-p", &package.name]);
        if !features.is_empty() {
            command.args(["--features", &features.join(",")]);
        }
        Ok(process::run(&mut command).is_ok())
    };
    if succeeds(cross)? {
        println!("{name}: built for {}", TARGETS.join(", "));
        return Ok(Vec::new());
    }
    let mut broken = Vec::new();
    for target in TARGETS {
        if !succeeds(&cross.only(target))? {
            broken.push(format!("{name} for {target}"));
        }
    }
    if broken.is_empty() {
        broken.push(format!("{name} for all targets at once"));
    }
    Ok(broken)
}
