//! Keys from files or the environment. Every user of a machine can read its command lines, so no
//! key is taken from an option.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use netcode_std::{Key, KeyFile, KeyFileError};
use zeroize::Zeroizing;

use crate::text::warn;

/// Environment variable with the key itself, as 64 hexadecimal digits.
pub(crate) const KEY_VARIABLE: &str = "NETCODE_KEY";

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
