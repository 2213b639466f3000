//! Bytes of code, assigned to their owners by symbol names.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol};
use rustc_demangle::demangle;
use serde_json::json;

/// Crates that seal, open, hash keys or wipe them.
const CRYPTO: &[&str] = &[
    "aead",
    "chacha20",
    "chacha20poly1305",
    "cipher",
    "curve25519_dalek",
    "hkdf",
    "hmac",
    "hpke",
    "ctutils",
    "cmov",
    "inout",
    "poly1305",
    "sha2",
    "siphasher",
    "subtle",
    "universal_hash",
    "x25519_dalek",
    "zeroize",
];

/// Owner of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// netcode-core.
    Core,
    /// Its cryptography.
    Crypto,
    /// The network stack, and the netcode shell over it.
    Smoltcp,
    /// The firmware: drivers and programs.
    Firmware,
    /// Memory copies and arithmetic that the processor lacks.
    CompilerBuiltins,
    /// Rust's own core library, the probe, and unnamed constants.
    Other,
}

const PARTS: [(Part, &str); 6] = [
    (Part::Core, "core"),
    (Part::Crypto, "crypto"),
    (Part::Smoltcp, "smoltcp"),
    (Part::Firmware, "firmware"),
    (Part::CompilerBuiltins, "compiler-builtins"),
    (Part::Other, "other"),
];

/// Code, constants and static memory of one program.
pub(super) struct Code {
    name: String,
    parts: [u64; PARTS.len()],
    total: u64,
    memory: u64,
    /// Larger statics, by name.
    statics: Vec<(String, u64)>,
}

/// Minimum size of a static that is listed by name.
const NAMED_STATIC_BYTES: u64 = 200;

impl Code {
    /// `true` for `program` on any board.
    pub(super) fn is(&self, program: &str) -> bool {
        self.name.split(", ").next() == Some(program)
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        let parts: serde_json::Map<_, _> = PARTS
            .iter()
            .zip(self.parts)
            .map(|((_, name), bytes)| ((*name).to_owned(), bytes.into()))
            .collect();
        let statics: serde_json::Map<_, _> = self
            .statics
            .iter()
            .map(|(name, bytes)| (name.clone(), (*bytes).into()))
            .collect();
        json!({
            "name": self.name,
            "parts": parts,
            "total": self.total,
            "memory": self.memory,
            "statics": statics,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = PARTS
            .iter()
            .zip(self.parts)
            .filter(|(_, bytes)| *bytes > 0)
            .map(|((_, name), bytes)| format!("{bytes} {name}"))
            .collect();
        write!(
            f,
            "{:<24} {:>6} = {}",
            self.name,
            self.total,
            parts.join(" + ")
        )?;
        if self.memory > 0 {
            write!(f, "; static memory {}", self.memory)?;
        }
        for (at, (name, bytes)) in self.statics.iter().enumerate() {
            let before = if at == 0 { " = " } else { " + " };
            write!(f, "{before}{bytes} {name}")?;
        }
        Ok(())
    }
}

/// Sums the code and constant sections of a program, and the symbols in them.
pub(super) fn read(name: &str, path: &Path) -> Result<Code> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(bytes.as_slice())?;
    let sum = |names: &[&str]| -> u64 {
        let named = |section: &object::Section<'_, '_>| {
            let name = section.name().unwrap_or_default();
            names.iter().any(|start| name.starts_with(start))
        };
        file.sections()
            .filter(named)
            .map(|section| section.size())
            .sum()
    };
    let counted: Vec<_> = file
        .sections()
        .filter(|section| {
            section
                .name()
                .is_ok_and(|name| name.starts_with(".text") || name.starts_with(".rodata"))
        })
        .map(|section| section.index())
        .collect();
    let mut code = Code {
        name: name.to_owned(),
        parts: [0; PARTS.len()],
        total: sum(&[".vector_table", ".text", ".rodata", ".data"]),
        memory: sum(&[".data", ".bss", ".uninit"]),
        statics: read_statics(&file),
    };
    let mut seen = Vec::new();
    for symbol in file.symbols() {
        let place = (symbol.address(), symbol.size());
        let inside = symbol
            .section_index()
            .is_some_and(|index| counted.contains(&index));
        // Two names of one function count once.
        if !inside || seen.contains(&place) {
            continue;
        }
        seen.push(place);
        let part = part_of(symbol.name().unwrap_or_default());
        for ((known, _), bytes) in PARTS.iter().zip(&mut code.parts) {
            if *known == part && part != Part::Other {
                *bytes = bytes.saturating_add(symbol.size());
            }
        }
    }
    let known: u64 = code.parts.iter().sum();
    if let Some(other) = code.parts.last_mut() {
        *other = code.total.saturating_sub(known);
    }
    Ok(code)
}

/// Larger statics of a program, largest first.
fn read_statics(file: &object::File<'_>) -> Vec<(String, u64)> {
    let is_memory = |symbol: &object::Symbol<'_, '_>| {
        let section = symbol
            .section_index()
            .and_then(|it| file.section_by_index(it).ok());
        section.is_some_and(|it| {
            it.name()
                .is_ok_and(|name| name.starts_with(".bss") || name.starts_with(".data"))
        })
    };
    let mut statics: Vec<(String, u64)> = file
        .symbols()
        .filter(|symbol| symbol.size() >= NAMED_STATIC_BYTES && is_memory(symbol))
        .map(|symbol| {
            let name = format!("{:#}", demangle(symbol.name().unwrap_or_default()));
            let last = name.rsplit("::").next().unwrap_or_default().to_lowercase();
            (last, symbol.size())
        })
        .collect();
    statics.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    statics
}

/// Owner of a symbol: the first crate in its name that is not Rust's own library. So
/// `drop_in_place::<netcode_core::…>` counts for the core.
fn part_of(symbol: &str) -> Part {
    if symbol.starts_with("__") || matches!(symbol, "memcpy" | "memmove" | "memset" | "memcmp") {
        return Part::CompilerBuiltins;
    }
    let name = format!("{:#}", demangle(symbol));
    let crates = name
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .filter_map(|path| path.split_once("::"))
        .map(|(first, _)| first);
    for name in crates {
        match name {
            "netcode_core" => return Part::Core,
            "netcode_smoltcp" | "smoltcp" => return Part::Smoltcp,
            "firmware" | "sensor" | "hub" => return Part::Firmware,
            "compiler_builtins" => return Part::CompilerBuiltins,
            name if CRYPTO.contains(&name) => return Part::Crypto,
            _ => {}
        }
    }
    Part::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_belongs_to_the_first_crate_in_its_name() {
        assert_eq!(part_of("<netcode_core::client::Client>::send"), Part::Core);
        assert_eq!(
            part_of("<chacha20::ChaChaCore<chacha20::R20>>::new"),
            Part::Crypto
        );
        assert_eq!(
            part_of("<poly1305::Poly1305 as universal_hash::UniversalHash>::finalize"),
            Part::Crypto
        );
        assert_eq!(
            part_of("compiler_builtins::mem::memmove"),
            Part::CompilerBuiltins
        );
    }

    #[test]
    fn drop_glue_counts_for_the_crate_of_its_type() {
        let drop = "core::ptr::drop_in_place::<netcode_core::token::connect::PublicToken>";
        assert_eq!(part_of(drop), Part::Core);
        assert_eq!(part_of("core::panicking::panic_fmt"), Part::Other);
        assert_eq!(part_of("_start"), Part::Other);
    }

    #[test]
    fn names_that_the_compiler_calls_are_its_own() {
        assert_eq!(part_of("__aeabi_memcpy4"), Part::CompilerBuiltins);
        assert_eq!(part_of("memcpy"), Part::CompilerBuiltins);
    }
}
