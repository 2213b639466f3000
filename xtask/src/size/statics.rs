//! Statics whose initial values must be all zeros, so that they take memory alone.

use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol};

/// Statics of the probe.
const STATICS: [&str; 2] = ["STATIC_CLIENT", "STATIC_STORAGE"];

/// Checks that the probe's statics are in a section without contents.
pub(super) fn check(probe: &Path) -> Result<()> {
    let bytes = std::fs::read(probe).with_context(|| format!("cannot read {}", probe.display()))?;
    let file = object::File::parse(bytes.as_slice())?;
    for name in STATICS {
        let symbol = file.symbol_by_name(name);
        let symbol = symbol.with_context(|| format!("the probe has no {name}"))?;
        let section = symbol.section_index();
        let section = section.with_context(|| format!("{name} is in no section"))?;
        let section = file.section_by_index(section)?;
        let section = section.name()?;
        if !section.starts_with(".bss") {
            bail!(
                "{name} takes {} bytes of flash, in {section}: its initial value is not all zeros",
                symbol.size()
            );
        }
    }
    Ok(())
}
