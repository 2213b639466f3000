//! Keys from files or the environment. Every user of a machine can read its command lines, so no
//! key is taken from an option.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use netcode_std::{Key, KeyFile, KeyFileError};
use zeroize::Zeroizing;

use crate::text::warn;

/// Environment variable with the key itself, as 64 hexadecimal digits.
pub(crate) const KEY_VARIABLE: &str = "NETCODE_KEY";

/// Maximum length of a file with an API key: JSON Web Tokens are some kilobytes.
const LONGEST_API_KEY: usize = 16 * 1024;

/// Source of the private key that a backend and its servers share.
#[derive(clap::Args)]
pub(crate) struct KeyArgs {
    /// File with the private key, as `netcode keygen` writes it [or the key itself in the
    /// environment variable NETCODE_KEY]
    #[arg(long = "key", value_name = "FILE", env = "NETCODE_KEY_FILE")]
    file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key, if one was named.
    pub(crate) fn read(&self) -> Result<Option<Key>> {
        if let Some(file) = &self.file {
            return read_key_file(file).map(Some);
        }
        match std::env::var(KEY_VARIABLE) {
            Ok(text) => Key::from_hex(Zeroizing::new(text).trim())
                .map(Some)
                .with_context(|| format!("the environment variable {KEY_VARIABLE}")),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(error) => Err(error).context(KEY_VARIABLE),
        }
    }

    /// `true` if the key is read from a file.
    pub(crate) fn is_a_file(&self) -> bool {
        self.file.is_some()
    }

    /// The key; an error if none was named.
    pub(crate) fn require(&self) -> Result<Key> {
        self.read()?.ok_or_else(|| {
            anyhow!(
                "no private key: make one with `netcode keygen --out game.key` and name it with \
                 `--key game.key`, or put it into the environment variable {KEY_VARIABLE}"
            )
        })
    }
}

/// Reads a key file. One that others than its owner can read is named, with what to do.
pub(crate) fn read_key_file(path: &Path) -> Result<Key> {
    let shown = path.display();
    let read = KeyFile::read(path).map_err(|error| {
        let remedy = match &error {
            KeyFileError::Read(error) if error.kind() == ErrorKind::NotFound => {
                " (`netcode keygen --out FILE` makes one)"
            }
            KeyFileError::NotText => " (`xxd -p -c 32` shows the bytes of a raw key so)",
            _ => "",
        };
        anyhow!("the key file {shown}: {error}{remedy}")
    })?;
    if read.readable_by_others {
        warn(format_args!(
            "the key file {shown} can be read by others than its owner: chmod 600 it"
        ));
    }
    Ok(read.key)
}

/// API key for a web backend, from a file or an environment variable.
pub(crate) fn api_key(file: Option<&Path>, variable: &str) -> Result<Option<Zeroizing<String>>> {
    let text = match file {
        Some(path) => read_text(path)
            .with_context(|| format!("the file of the API key {}", path.display()))?,
        None => match std::env::var(variable) {
            Ok(text) => Zeroizing::new(text),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(error) => return Err(error).context(variable.to_owned()),
        },
    };
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("the API key is not one line of letters, digits and signs");
    }
    Ok(Some(Zeroizing::new(key.to_owned())))
}

/// Reads a short text that is secret. A file that others than its owner can read is named.
fn read_text(path: &Path) -> Result<Zeroizing<String>> {
    let file = File::open(path)?;
    if KeyFile::is_readable_by_others(&file)? {
        warn(format_args!(
            "the file of the API key {} can be read by others than its owner: chmod 600 it",
            path.display()
        ));
    }
    // Allocated at once: a text that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_API_KEY));
    file.take(LONGEST_API_KEY as u64)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a secret to a new file that only its owner can read.
pub(crate) fn write_new(path: &Path, key: &Key) -> Result<()> {
    let text = Zeroizing::new(format!(
        "{}\n",
        *Zeroizing::new(hex::encode(key.as_bytes()))
    ));
    let mut file = create_private(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow!(
            "{} is there already, and a key is never overwritten: choose another name",
            path.display()
        ),
        _ => anyhow!("cannot create {}: {error}", path.display()),
    })?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Creates a file that only its owner can read.
fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
