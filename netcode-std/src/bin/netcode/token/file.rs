//! Tokens in files: their bytes as they are, or the same as base64 text, as web backends send it.

use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secret::owner_only;

/// A token's bytes.
pub(crate) const TOKEN_BYTES: usize = 2048;

/// No file with a token in any form is longer.
const LONGEST_FILE: u64 = 16 * 1024;

/// Reads a connect token in either form; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    read_bytes(path, TOKEN_BYTES, "connect token")
}

/// Reads what has exactly `len` bytes, in either form; `-` is standard input.
pub(super) fn read_bytes(path: &Path, len: usize, what: &str) -> Result<Vec<u8>> {
    let bytes = read_raw(path)?;
    if bytes.len() == len {
        return Ok(bytes);
    }
    match decode(&bytes) {
        Some(decoded) if decoded.len() == len => Ok(decoded),
        _ => bail!(
            "{} holds no {what}: that is {len} bytes, or the same as base64 text, and this is {} \
             bytes of something else",
            path.display(),
            bytes.len()
        ),
    }
}

fn read_raw(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let result = if path.as_os_str() == "-" {
        let mut input = std::io::stdin().lock().take(LONGEST_FILE);
        input.read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_end(&mut bytes))
    };
    result.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let dense: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    STANDARD.decode(dense).ok()
}

/// Writes a token as base64 text to standard output, or as it is to a file. A token holds the
/// keys of its session, so a new file is readable by its owner only.
pub(super) fn write(path: Option<&Path>, token: &[u8]) -> Result<()> {
    let Some(path) = path else {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", STANDARD.encode(token))?;
        return Ok(());
    };
    let written = owner_only()
        .create(true)
        .truncate(true)
        .open(path)
        .and_then(|mut file| file.write_all(token));
    written.with_context(|| format!("cannot write {}", path.display()))
}
