//! The wasm module and its bindings.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{TARGET, folder, tools};
use crate::process::{Running, run};
use crate::toolchain::Cross;
use crate::workspace::cargo;

/// Compiler for browsers.
pub(super) fn compiler() -> Result<Cross> {
    Cross::find(&[TARGET], "std,panic_abort")
}

/// Folder of the bindings: beside the TypeScript that imports them. Ignored by git.
pub(super) fn bindings() -> PathBuf {
    folder().join("js/wasm")
}

/// Builds the module, generates its bindings, and optimises its size.
pub(super) fn build() -> Result<()> {
    let cross = compiler()?;
    // In parallel, since some of the module's crates keep only one core busy.
    let generator = ["--quiet", "-p", "netcode-wasm-bindings"];
    let generator = Running::start(cargo("build").args(generator))?;
    // The crate itself is only a library for the engine: the host build, with the features of all
    // crates, could not link a module of it.
    let mut build = cross.cargo("rustc")?;
    build.args(["--quiet", "--profile", "web", "-p", "netcode-wasm"]);
    build.args(["--lib", "--crate-type", "cdylib"]);
    build.env("RUSTFLAGS", without_local_paths()?);
    run(build.args(["--features", "javascript"]))?;

    generator.finish()?;
    let built = cross.output(TARGET, "web").join("netcode_wasm.wasm");
    if bindings().exists() {
        std::fs::remove_dir_all(bindings())?;
    }
    let mut bind = cargo("run");
    bind.args(["--quiet", "-p", "netcode-wasm-bindings", "--"]);
    run(bind.arg(built).arg(bindings()))?;

    let module = bindings().join("netcode_wasm_bg.wasm");
    let mut shrink = tools::npm("wasm-opt")?;
    shrink.args(["--flatten", "--rereloop", "-Oz", "-Oz"]);
    run(shrink.arg(&module).arg("-o").arg(&module))
}

/// Compiler flags that keep this machine's paths out of the module: they are private to the
/// machine, and long.
fn without_local_paths() -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = home.context("no home folder")?.join("registry/src");
    let mut flags = String::from("--remap-path-prefix=/usr/lib/rustlib/src/rust=/rustc");
    for registry in std::fs::read_dir(sources).into_iter().flatten() {
        let registry = registry?.path();
        flags.push_str(&format!(" --remap-path-prefix={}/=", registry.display()));
    }
    Ok(flags)
}
