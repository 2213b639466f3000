//! Tokens in files: raw bytes, or base64 text as web backends send it.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Length of a token.
pub(crate) const TOKEN_BYTES: usize = 2048;

/// Maximum length of a file with a token in any form.
const LONGEST_FILE: usize = 16 * 1024;

/// Content of a file that is not what it should be.
#[derive(Debug)]
pub(crate) struct WrongContent(String);

impl fmt::Display for WrongContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongContent {}

/// Reads a connect token in either form; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    read_bytes(path, TOKEN_BYTES, "connect token")
}

/// Reads exactly `len` bytes, in either form; `-` is standard input.
pub(super) fn read_bytes(path: &Path, len: usize, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = read_raw(path)?;
    if bytes.len() == len {
        return Ok(bytes);
    }
    match decode(&bytes) {
        Some(decoded) if decoded.len() == len => Ok(decoded),
        _ => Err(WrongContent(format!(
            "{} holds no {what}: expected {len} bytes or their base64 text, found {} other bytes",
            path.display(),
            bytes.len()
        ))
        .into()),
    }
}

/// Reads a file unchanged, up to its first 16 KiB; `-` is standard input.
pub(super) fn read_raw(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    // Allocated at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST_FILE + 1));
    let result = if path.as_os_str() == "-" {
        let mut input = std::io::stdin().lock().take(LONGEST_FILE as u64);
        input.read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(LONGEST_FILE as u64).read_to_end(&mut bytes))
    };
    result.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}

/// Decodes a connect token from base64 text; `None` if the text holds none.
pub(crate) fn decode_token(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    decode(text).filter(|token| token.len() == TOKEN_BYTES)
}

fn decode(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut dense = Zeroizing::new(Vec::with_capacity(text.len()));
    let bytes = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace());
    dense.extend(bytes);
    STANDARD.decode(&*dense).ok().map(Zeroizing::new)
}

/// Writes a token as base64 text to standard output, which is also named `-`, or as bytes to a
/// file. A token holds the keys of its session, so only the owner can read the file: a new file
/// replaces any file or link of that name, whatever its mode.
pub(super) fn write(path: Option<&Path>, token: &[u8]) -> Result<()> {
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        let text = Zeroizing::new(STANDARD.encode(token));
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", *text)?;
        return Ok(());
    };
    let written = match std::fs::symlink_metadata(path) {
        // A pipe or a device has readers of its own, and no content to keep.
        Ok(found) if !found.is_file() && !found.is_symlink() => std::fs::write(path, token),
        _ => replace(path, token),
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}

fn replace(path: &Path, token: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // New, with mode 0600 on Unix.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(token)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
