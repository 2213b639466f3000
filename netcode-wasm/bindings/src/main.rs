//! Generator of the JavaScript bindings: wasm-bindgen's command line, as a program of the workspace.
//!
//! The generator accepts only modules of its own wasm-bindgen version. Here both have the version in
//! `Cargo.lock`, and no separate tool has to be installed.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use wasm_bindgen_cli_support::Bindgen;

/// Generate the JavaScript and TypeScript bindings of a wasm module
#[derive(Parser)]
struct Cli {
    /// Wasm module, as compiled
    module: PathBuf,
    /// Output folder
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
