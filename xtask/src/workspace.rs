//! Paths and packages of the workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::process;

/// Root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Target folder; steps with a compiler of their own build in a folder below.
pub(crate) fn target_dir() -> PathBuf {
    let dir = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(dir)
}

/// Cargo at the root, without settings of another compiler in the environment.
pub(crate) fn cargo(subcommand: &str) -> std::process::Command {
    let mut command = process::cargo();
    command.current_dir(root()).arg(subcommand);
    command
}

/// Package, as `cargo metadata` describes it.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) rust_version: Option<String>,
    /// Registries it may be published to; `None` if to any.
    publish: Option<Vec<String>>,
    features: BTreeMap<String, IgnoredAny>,
}

impl Package {
    pub(crate) fn has_feature(&self, name: &str) -> bool {
        self.features.contains_key(name)
    }

    pub(crate) fn is_published(&self) -> bool {
        self.publish.is_none()
    }
}

/// Packages of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    let metadata: Metadata = serde_json::from_str(&metadata(&["--no-deps"])?)?;
    Ok(metadata.packages)
}

/// Output of `cargo metadata`.
pub(crate) fn metadata(flags: &[&str]) -> Result<String> {
    process::capture(
        cargo("metadata")
            .args(["--format-version", "1"])
            .args(flags),
    )
}
