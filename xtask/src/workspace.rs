//! Where things are, and what the workspace holds.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo builds; steps with a compiler of their own build in a folder below.
pub(crate) fn target_dir() -> PathBuf {
    let dir = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(dir)
}

/// Cargo at the root, with no other compiler's settings around.
pub(crate) fn cargo(subcommand: &str) -> std::process::Command {
    let mut command = process::cargo();
    command.current_dir(root()).arg(subcommand);
    command
}

/// One package of the workspace.
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its features, sorted, without `default`.
    pub(crate) features: Vec<String>,
}

/// The workspace's packages.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let text = process::capture(cargo("metadata").args(["--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let packages = metadata.get("packages").and_then(|it| it.as_array());
    packages
        .context("cargo metadata names no packages")?
        .iter()
        .map(read_package)
        .collect()
}

fn read_package(package: &serde_json::Value) -> Result<Package> {
    let name = package
        .get("name")
        .and_then(|it| it.as_str())
        .context("package without a name")?;
    let features = package.get("features").and_then(|it| it.as_object());
    let features = features.into_iter().flat_map(|map| map.keys());
    Ok(Package {
        name: name.to_owned(),
        features: features.filter(|it| *it != "default").cloned().collect(),
    })
}

/// The package of this name, if there is one yet.
pub(crate) fn package(name: &str) -> Result<Option<Package>> {
    Ok(packages()?.into_iter().find(|package| package.name == name))
}
