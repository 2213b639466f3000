//! Makes the JavaScript side of the wasm module: wasm-bindgen's generator, as a library.
//!
//! Generator and module speak a language of their own that changes with every release. In here, the
//! two have one version, that of `Cargo.lock`, and there is nothing to install.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use wasm_bindgen_cli_support::Bindgen;

/// Makes the JavaScript side of a wasm module, and its types.
#[derive(Parser)]
struct Cli {
    /// The module, as the compiler leaves it
    module: PathBuf,
    /// The folder for what comes of it
    out: PathBuf,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    Bindgen::new()
        .input_path(cli.module)
        .web(true)?
        .typescript(true)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(cli.out)
}
