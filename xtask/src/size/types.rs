//! Bytes of memory: of a client, of a server, and of each entry of a server's tables.

use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol};
use serde_json::json;

/// Aim of a type, and the purpose of its bytes.
struct Known {
    name: &'static str,
    aim: Option<u64>,
    parts: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        name: "client",
        aim: Some(2457),
        parts: "1024 sealed private token, 612 addresses, 300 challenge, 124 drop counts, 64 keys, \
                64 traffic, 40 replay window; the rest is clock, state and events",
    },
    Known {
        name: "client slot",
        aim: Some(512),
        parts: "256 user data, 64 keys, 56 traffic, 40 replay window, 32 indexes and timer, \
                23 address; the rest is id, sequence, times and state",
    },
    Known {
        name: "half-open entry",
        aim: None,
        parts: "64 keys, 24 index and timer, 23 address, 16 token MAC; the rest is id, time and \
                timeout",
    },
    Known {
        name: "token entry",
        aim: None,
        parts: "24 index and timer (its expiry among them), 23 address, 16 MAC, 1 state",
    },
    Known {
        name: "server",
        aim: None,
        parts: "without its tables; 612 are its addresses",
    },
];

/// Bytes of one type.
pub(super) struct Row {
    pub(super) name: String,
    /// On this machine.
    pub(super) here: u64,
    /// On a 32-bit microcontroller.
    pub(super) small: u64,
}

impl Row {
    fn known(&self) -> Option<&'static Known> {
        KNOWN.iter().find(|known| known.name == self.name)
    }

    /// Maximum size.
    pub(super) fn aim(&self) -> Option<u64> {
        self.known().and_then(|known| known.aim)
    }

    /// Purpose of its bytes.
    pub(super) fn parts(&self) -> &'static str {
        self.known().map_or("", |known| known.parts)
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        json!({
            "name": self.name,
            "bytes": self.here,
            "bytes_32_bit": self.small,
            "aim": self.aim(),
            "parts": self.parts(),
        })
    }
}

/// Combines the probe's output on the host with its symbol for the device.
pub(super) fn read(printed: &str, device: &Path) -> Result<Vec<Row>> {
    let small = read_symbol(device)?;
    let lines: Vec<&str> = printed.lines().collect();
    if small.len() != lines.len() {
        bail!(
            "the probe names {} types here and {} there",
            lines.len(),
            small.len()
        );
    }
    let rows = lines.into_iter().zip(small).map(|(line, small)| {
        let (bytes, name) = line.split_once(' ').context("the probe printed no size")?;
        Ok(Row {
            name: name.to_owned(),
            here: bytes.parse()?,
            small,
        })
    });
    let rows: Vec<Row> = rows.collect::<Result<_>>()?;
    // An aim whose type is no longer measured has to be removed.
    for known in KNOWN {
        if !rows.iter().any(|row| row.name == known.name) {
            bail!("the probe does not measure `{}`", known.name);
        }
    }
    Ok(rows)
}

/// Numbers in the program's `TYPE_BYTES`.
fn read_symbol(path: &Path) -> Result<Vec<u64>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file = object::File::parse(bytes.as_slice())?;
    let symbol = file
        .symbol_by_name("TYPE_BYTES")
        .context("the probe has no TYPE_BYTES")?;
    let section = file.section_by_index(
        symbol
            .section_index()
            .context("TYPE_BYTES is in no section")?,
    )?;
    let data = section
        .data_range(symbol.address(), symbol.size())?
        .context("TYPE_BYTES is outside its section")?;
    let (words, _) = data.as_chunks::<4>();
    Ok(words
        .iter()
        .map(|&word| u64::from(u32::from_le_bytes(word)))
        .collect())
}
