//! The npm package: `target/web/package`, ready for `npm pack`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{folder, module, package_folder, tools};
use crate::process::{self, run};
use crate::steps::Outcome;
use crate::workspace::root;

/// What a browser has to load, at most, bytes: as it lies on the server, and as it travels.
const MAX_MODULE_BYTES: u64 = 64 * 1024;
const MAX_GZIPPED_BYTES: u64 = 30 * 1024;

pub(crate) fn package() -> Result<Outcome> {
    build()?;
    print_sizes()?;
    Ok(Outcome::Passed)
}

/// Puts the package together.
pub(super) fn build() -> Result<()> {
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

/// The package's manifest, with the crate's version.
fn write_manifest(package: &Path) -> Result<()> {
    let text = std::fs::read_to_string(folder().join("js/package.json"))?;
    let mut manifest: Value = serde_json::from_str(&text)?;
    let version = manifest.get_mut("version").context("no version")?;
    *version = env!("CARGO_PKG_VERSION").into();
    let text = serde_json::to_string_pretty(&manifest)?;
    std::fs::write(package.join("package.json"), text + "\n")?;
    Ok(())
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

/// Prints what a page loads, and refuses more than the limits.
fn print_sizes() -> Result<()> {
    let module = package_folder().join("wasm/netcode_wasm_bg.wasm");
    let bytes = std::fs::metadata(&module)?.len();
    let zip = |words: &[&str]| {
        let mut gzip = Command::new("sh");
        gzip.args(["-c", "cat \"$@\" | gzip -9 | wc -c", "sh"]);
        process::capture(gzip.args(words))
    };
    let module = module.display().to_string();
    let gzipped: u64 = zip(&[&module])?.trim().parse()?;
    println!("module: {bytes} bytes, {gzipped} gzipped");
    if bytes > MAX_MODULE_BYTES || gzipped > MAX_GZIPPED_BYTES {
        bail!("the module may have {MAX_MODULE_BYTES} bytes, {MAX_GZIPPED_BYTES} gzipped");
    }
    Ok(())
}
