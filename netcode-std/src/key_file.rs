//! Key files: private keys on disk.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::{fmt, str};

use netcode_core::crypto::{Key, ParseKeyError};
use zeroize::Zeroizing;

/// Bytes read of a file at most: far more than a key with white space around it.
const MOST_BYTES: u16 = 4096;

/// Private key read from a file of 64 hexadecimal digits, as `netcode keygen --out` writes it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyFile {
    /// The key.
    pub key: Key,
    /// `true` if other users of the machine than the file's owner may read it: warn, and suggest
    /// `chmod 600`. It is no error, because secrets that are mounted into a container are often
    /// readable there. Always `false` where the system has no such permissions.
    pub readable_by_others: bool,
}

impl KeyFile {
    /// Reads a key file. White space around the digits is ignored. The text is wiped.
    ///
    /// # Errors
    /// See [`KeyFileError`], which shows nothing of the file's content.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let file = File::open(path).map_err(KeyFileError::Read)?;
        let readable_by_others = Self::is_readable_by_others(&file).map_err(KeyFileError::Read)?;
        // Room for all at once: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::from(MOST_BYTES)));
        file.take(u64::from(MOST_BYTES))
            .read_to_end(&mut bytes)
            .map_err(KeyFileError::Read)?;
        let text = str::from_utf8(&bytes).map_err(|_| KeyFileError::NotText)?;
        let key = Key::from_hex(text.trim()).map_err(KeyFileError::Key)?;
        Ok(Self {
            key,
            readable_by_others,
        })
    }

    /// `true` if other users of the machine than its owner may read a file: for other secrets than
    /// keys, as [`readable_by_others`](Self::readable_by_others) is for a key.
    ///
    /// # Errors
    /// The system does not tell the file's permissions.
    #[cfg(unix)]
    pub fn is_readable_by_others(file: &File) -> io::Result<bool> {
        use std::os::unix::fs::PermissionsExt as _;

        let found = file.metadata()?;
        // Pipes and devices have no readers to come.
        Ok(found.is_file() && found.permissions().mode() & 0o077 != 0)
    }

    /// Always `false`: the system has no such permissions.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn is_readable_by_others(_: &File) -> io::Result<bool> {
        Ok(false)
    }
}

/// Reason why a file gives no key.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read.
    Read(io::Error),
    /// The file is not text: a raw key has to be written as hexadecimal digits.
    NotText,
    /// The text is not a key.
    Key(ParseKeyError),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot read it: {error}"),
            Self::NotText => f.write_str("it is not text; write the key as 64 hexadecimal digits"),
            Self::Key(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text of what is wrapped is in ours: its own source is the next one.
        match self {
            Self::Read(error) => error.source(),
            Self::NotText => None,
            Self::Key(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn file(name: &str, content: &[u8]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("netcode-key-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    #[test]
    fn a_key_file_is_digits_with_white_space_around_them() {
        let path = file("good", format!(" {DIGITS}\r\n").as_bytes());
        let read = KeyFile::read(&path).unwrap();
        assert_eq!(read.key, Key::from_hex(DIGITS).unwrap());
        assert!(!format!("{read:?}").contains("0a0b"));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_and_not_quoted() {
        let raw = KeyFile::read(file("raw", &[0xff; 32]));
        assert!(matches!(raw, Err(KeyFileError::NotText)));
        let short = KeyFile::read(file("short", b"abcd")).unwrap_err();
        assert!(matches!(
            short,
            KeyFileError::Key(ParseKeyError::Length { len: 4 })
        ));
        assert!(!short.to_string().contains("abcd"));
        let long = KeyFile::read(file("long", &[b'0'; 1 << 16]));
        assert!(matches!(long, Err(KeyFileError::Key(_))));
        let missing = KeyFile::read(std::env::temp_dir().join("netcode-no-such-key"));
        assert!(matches!(missing, Err(KeyFileError::Read(_))));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_reported() {
        use std::os::unix::fs::PermissionsExt;

        let path = file("modes", DIGITS.as_bytes());
        for (mode, others) in [(0o600, false), (0o640, true), (0o604, true)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(KeyFile::read(&path).unwrap().readable_by_others, others);
        }
    }
}
