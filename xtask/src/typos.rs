//! Spelling, checked by typos. Exceptions are in `typos.toml`.

use std::process::Command;

use anyhow::Result;

use crate::cargo_tools::CargoTool;
use crate::outcome::Outcome;
use crate::process::run;
use crate::workspace::root;

pub(crate) fn typos() -> Result<Outcome> {
    let tool = CargoTool {
        program: "typos",
        package: "typos-cli",
        // The newest version that the workspace's `rust-version` can build.
        version: "1.49.0",
        asked: &["--version"],
        // Without the dictionary of American and British variants, which no locale here uses.
        flags: &["--locked", "--no-default-features", "--features=dict"],
    };
    run(Command::new(tool.find()?).current_dir(root()))?;
    Ok(Outcome::Passed)
}
