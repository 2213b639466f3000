//! Copy of the repository, below the target folder, whose core has all faults.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::faults::{Fault, SOURCES, apply};
use crate::process;
use crate::sim::PROFILE;
use crate::workspace::{cargo, root, target_dir};

/// Function that the copied core asks whether a fault is turned on.
const SWITCHBOARD: &str = r#"
extern crate std as switchboard;

/// Returns `true` if the environment variable `NETCODE_FAULT` turns this deliberate fault on.
fn fault(name: &str) -> bool {
    use switchboard::string::String;
    static CHOSEN: switchboard::sync::OnceLock<Option<String>> =
        switchboard::sync::OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| switchboard::env::var("NETCODE_FAULT").ok());
    chosen.as_deref() == Some(name)
}
"#;

pub(super) struct FaultyCopy {
    tree: PathBuf,
}

impl FaultyCopy {
    /// Copies the files of the repository and applies all faults. Files that have not changed since
    /// the last copy keep their times, so that cargo builds only what did.
    pub(super) fn make(faults: &[Fault]) -> Result<Self> {
        let tree = target_dir().join("sabotage/tree");
        let mut edited = apply(faults)?;
        let lib = root().join(SOURCES).join("lib.rs");
        let lib = edited
            .remove("lib.rs")
            .map_or_else(|| fs::read_to_string(&lib), Ok)?;
        edited.insert("lib.rs".into(), lib + SWITCHBOARD);
        let files = tracked()?;
        remove_others(&tree, Path::new(""), &files)?;
        for file in files {
            let to = tree.join(&file);
            let faulty = file.strip_prefix(SOURCES).ok();
            let faulty = faulty.and_then(|file| edited.get(file.to_str()?));
            match faulty {
                Some(text) => write(&to, text.as_bytes())?,
                // A file may have been deleted and not yet committed.
                None => match fs::read(root().join(&file)) {
                    Ok(bytes) => write(&to, &bytes)?,
                    Err(_) => continue,
                },
            }
        }
        Ok(Self { tree })
    }

    /// Builds these targets of the copy; returns the folder with its programs.
    pub(super) fn build(&self, targets: &[&str]) -> Result<PathBuf> {
        let target = target_dir().join("sabotage/build");
        let mut build = cargo("build");
        build.current_dir(&self.tree);
        build.args(["--quiet", "--profile", PROFILE]).args(targets);
        process::run(build.arg("--target-dir").arg(&target))?;
        Ok(target.join(PROFILE))
    }
}

/// Files of the repository, relative to its root.
fn tracked() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["ls-files"]);
    let files =
        process::capture(&mut git).context("the copy is made of the files that git knows")?;
    Ok(files.lines().map(PathBuf::from).collect())
}

/// Removes the files of an earlier copy that the repository has no more.
fn remove_others(tree: &Path, folder: &Path, files: &[PathBuf]) -> Result<()> {
    let Ok(entries) = fs::read_dir(tree.join(folder)) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let file = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(tree, &file, files)?;
        } else if !files.contains(&file) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes a file unless it has this content.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content).with_context(|| path.display().to_string())
}
