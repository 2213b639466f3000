//! List of faults.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace::root;

/// Sources of the core, relative to the root.
pub(super) const SOURCES: &str = "netcode-core/src";

/// Deliberate fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) name: String,
    /// Rule that it takes away.
    pub(super) takes: String,
    /// Worlds in which the simulation must find it.
    pub(super) within: u64,
    edit: Vec<Edit>,
}

/// Replacement in one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    find: String,
    replace: String,
}

/// Reads the list and checks that every name is used once.
pub(super) fn read() -> Result<Vec<Fault>> {
    #[derive(Deserialize)]
    struct List {
        fault: Vec<Fault>,
    }
    let path = root().join("netcode-sim/faults.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let List { fault: faults } = toml::from_str(&text).context("faults.toml")?;
    for (at, fault) in faults.iter().enumerate() {
        if faults
            .iter()
            .skip(at + 1)
            .any(|other| other.name == fault.name)
        {
            bail!("two faults are called {}", fault.name);
        }
        let switch = format!("crate::fault(\"{}\")", fault.name);
        if !fault.edit.iter().any(|edit| edit.replace.contains(&switch)) {
            bail!("{}: no edit asks {switch}", fault.name);
        }
    }
    Ok(faults)
}

/// Sources of the core with all faults, by file.
pub(super) fn apply(faults: &[Fault]) -> Result<BTreeMap<String, String>> {
    let mut sources = BTreeMap::new();
    for fault in faults {
        for edit in &fault.edit {
            let path = root().join(SOURCES).join(&edit.file);
            let text = match sources.remove(&edit.file) {
                Some(text) => text,
                None => std::fs::read_to_string(&path)
                    .with_context(|| format!("{}: {}", fault.name, edit.file))?,
            };
            let count = text.matches(&edit.find).count();
            if count != 1 {
                bail!(
                    "{}: `{}` occurs {count} times in {}, not once",
                    fault.name,
                    edit.find,
                    edit.file
                );
            }
            sources.insert(edit.file.clone(), text.replace(&edit.find, &edit.replace));
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_fits_the_core_as_it_is() {
        let faults = read().unwrap();
        let sources = apply(&faults).unwrap();
        assert!(faults.len() >= 30);
        assert!(sources.values().all(|text| text.contains("crate::fault(")));
    }
}
