//! Bytes of code: whose they are, by the names of the symbols.

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// netcode-core.
    Core,
    /// What it seals with.
    Crypto,
    /// Memory copies and arithmetic the processor does not have.
    CompilerBuiltins,
    /// Rust's own core library, the probe, and constants without a name.
    Other,
}

/// One program's code and constants.
pub(super) struct Code {
    role: &'static str,
    core: u64,
    crypto: u64,
    compiler_builtins: u64,
    total: u64,
}

impl Code {
    fn other(&self) -> u64 {
        self.total
            .saturating_sub(self.core + self.crypto + self.compiler_builtins)
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "role": self.role,
            "core": self.core,
            "crypto": self.crypto,
            "compiler_builtins": self.compiler_builtins,
            "other": self.other(),
            "total": self.total,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (core, crypto, builtins) = (self.core, self.crypto, self.compiler_builtins);
        write!(
            f,
            "{:<17} {:>9} = {core} core + {crypto} crypto + {builtins} compiler-builtins + {} other",
            self.role,
            self.total,
            self.other()
        )
    }
}

/// Sums the sections of code and constants of a program, and the symbols in them.
pub(super) fn read(role: &'static str, path: &Path) -> Result<Code> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(bytes.as_slice())?;
    let counted: Vec<_> = file
        .sections()
        .filter(|section| {
            section
                .name()
                .is_ok_and(|name| name.starts_with(".text") || name.starts_with(".rodata"))
        })
        .collect();
    let mut code = Code {
        role,
        core: 0,
        crypto: 0,
        compiler_builtins: 0,
        total: counted.iter().map(ObjectSection::size).sum(),
    };
    let mut seen = Vec::new();
    for symbol in file.symbols() {
        let place = (symbol.address(), symbol.size());
        let inside = counted
            .iter()
            .any(|section| symbol.section_index() == Some(section.index()));
        // Two names of one function are one function.
        if !inside || seen.contains(&place) {
            continue;
        }
        seen.push(place);
        match part_of(symbol.name().unwrap_or_default()) {
            Part::Core => code.core += symbol.size(),
            Part::Crypto => code.crypto += symbol.size(),
            Part::CompilerBuiltins => code.compiler_builtins += symbol.size(),
            Part::Other => {}
        }
    }
    Ok(code)
}

/// Whose a symbol is: the first crate in its name that is not Rust's own library. So
/// `drop_in_place::<netcode_core::…>` is the core's.
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
    fn code_made_for_somebody_is_theirs() {
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
