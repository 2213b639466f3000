//! Commands installed by cargo: one fixed version of each, found or built.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{capture, run};
use crate::workspace::{cargo, target_dir};

/// Command of a crate.
pub(crate) struct CargoTool<'a> {
    pub(crate) program: &'a str,
    pub(crate) package: &'a str,
    pub(crate) version: &'a str,
    /// Arguments that make it print its version.
    pub(crate) asked: &'a [&'a str],
    /// Additional arguments of `cargo install`.
    pub(crate) flags: &'a [&'a str],
}

impl CargoTool<'_> {
    /// Path of the command: the installed one if it has this version, else one built into the
    /// target folder.
    pub(crate) fn find(&self) -> Result<PathBuf> {
        let tools = target_dir().join("tools");
        let built = tools.join("bin").join(self.program);
        for candidate in [PathBuf::from(self.program), built.clone()] {
            let said = capture(Command::new(&candidate).args(self.asked));
            if said.is_ok_and(|said| said.trim().rsplit(' ').next() == Some(self.version)) {
                return Ok(candidate);
            }
        }
        // An optimised build takes minutes, and the command runs for seconds.
        let mut install = cargo("install");
        install.env("CARGO_PROFILE_DEV_DEBUG", "false");
        install.args(["--debug", "--force", "--version", self.version, "--root"]);
        run(install.arg(tools).args(self.flags).arg(self.package))
            .with_context(|| format!("no {} {}", self.program, self.version))?;
        Ok(built)
    }
}
