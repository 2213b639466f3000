//! The npm package: `target/web/package`, and packed beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{folder, module, package_folder, sizes, tools};
use crate::outcome::Outcome;
use crate::process::{self, run};
use crate::workspace::root;

pub(crate) fn package() -> Result<Outcome> {
    build()?;
    sizes::check()?;
    let packed = pack()?;
    lint(&packed)?;
    install(&packed)?;
    document()?;
    println!("packed for `npm install`: {}", packed.display());
    Ok(Outcome::Passed)
}

/// Assembles the package, once a run.
pub(super) fn build() -> Result<()> {
    static BUILT: OnceLock<()> = OnceLock::new();
    if BUILT.get().is_none() {
        assemble()?;
        BUILT.get_or_init(|| ());
    }
    Ok(())
}

fn assemble() -> Result<()> {
    module::build()?;
    let package = package_folder();
    if package.exists() {
        std::fs::remove_dir_all(&package)?;
    }
    std::fs::create_dir_all(&package)?;
    run(tools::npm("tsc")?.args(["-p", "glue"]))?;
    run(tools::npm("tsc")?
        .args(["-p", "js", "--outDir"])
        .arg(package.join("dist")))?;
    copy_folder(&module::bindings(), &package.join("wasm"))?;
    write_manifest(&package)?;
    for (from, to) in [
        ("netcode-wasm/README.md", "README.md"),
        ("LICENSE-APACHE", "LICENSE-APACHE"),
        ("LICENSE-MIT", "LICENSE-MIT"),
    ] {
        std::fs::copy(root().join(from), package.join(to)).with_context(|| from.to_owned())?;
    }
    println!("the package is in {}", package.display());
    Ok(())
}

/// Packs the package. npm would only link a folder, and Vite's development server serves nothing
/// outside of its project.
fn pack() -> Result<PathBuf> {
    let package = package_folder();
    let folder = package
        .parent()
        .context("the package has no parent folder")?;
    let mut pack = Command::new("npm");
    pack.current_dir(&package).args(["pack", "--silent"]);
    let name = process::capture(pack.arg("--pack-destination").arg(folder))?;
    Ok(folder.join(name.trim()))
}

/// Checks the packed package: its manifest, and its types as resolvers find them.
fn lint(packed: &Path) -> Result<()> {
    let mut manifest = tools::npm("publint")?;
    run(manifest.args(["run", "--strict"]).arg(packed))?;
    let mut types = tools::npm("attw")?;
    // The type of the wasm file's import is for the program to declare: it depends on the bundler.
    types.args(["--exclude-entrypoints", "netcode_wasm_bg.wasm"]);
    types.args(["--profile", "esm-only", "--format", "ascii"]);
    run(types.arg(packed))
}

/// Generates the documentation of the package's interface; a warning is an error.
fn document() -> Result<()> {
    let docs = package_folder().with_file_name("docs");
    let mut typedoc = tools::npm("typedoc")?;
    run(typedoc
        .args(["--options", "js/typedoc.json", "--out"])
        .arg(&docs))?;
    println!("documentation: {}", docs.join("index.html").display());
    Ok(())
}

/// Installs the packed package into an empty project, whose program then imports it.
fn install(packed: &Path) -> Result<()> {
    let project = package_folder().with_file_name("installed");
    if project.exists() {
        std::fs::remove_dir_all(&project)?;
    }
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("package.json"), r#"{ "type": "module" }"#)?;
    let mut install = Command::new("npm");
    install.current_dir(&project);
    install.args([
        "install",
        "--offline",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    run(install.arg(packed))?;
    let program = "import('netcode-wasm').then(({ NetcodeClient }) => NetcodeClient.connect)";
    run(Command::new("node")
        .current_dir(&project)
        .args(["-e", program]))
}

/// Writes the package's manifest.
fn write_manifest(package: &Path) -> Result<()> {
    let text = std::fs::read_to_string(folder().join("js/package.json"))?;
    let manifest = with_version(&text, env!("CARGO_PKG_VERSION"))?;
    std::fs::write(package.join("package.json"), manifest)?;
    Ok(())
}

/// Version in the sources' manifest, which has none of its own.
const NO_VERSION: &str = "\"version\": \"0.0.0\"";

/// Manifest with a version. Every other byte stays: resolvers try the conditions of an export in
/// their order, and reject a `default` that is not the last.
fn with_version(manifest: &str, version: &str) -> Result<String> {
    let (before, after) = manifest.split_once(NO_VERSION).context("no version")?;
    let text = format!("{before}\"version\": \"{version}\"{after}");
    serde_json::from_str::<Value>(&text).context("the manifest is no JSON")?;
    Ok(text)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_gets_a_version_and_keeps_its_order() {
        let manifest = r#"{ "version": "0.0.0", "exports": { "types": 1, "default": 2 } }"#;
        let versioned = with_version(manifest, "1.2.3").unwrap();
        let expected = r#"{ "version": "1.2.3", "exports": { "types": 1, "default": 2 } }"#;
        assert_eq!(versioned, expected);
        assert!(with_version("{}", "1.2.3").is_err());
    }
}
