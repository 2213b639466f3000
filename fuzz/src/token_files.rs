//! Files of tokens and keys, with any content: the command's reader of tokens, compiled from its
//! own source, and the library's reader of keys.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use netcode_core::crypto::Key;
use netcode_core::sealed::SEALED_TOKEN_BYTES;
use netcode_core::token::PublicToken;
use netcode_std::{KeyFile, KeyFileError};

use crate::memory_folder;

#[path = "../../netcode-cli/src/token"]
mod command {
    use std::path::Path;

    use netcode_core::sealed::SEALED_TOKEN_BYTES;

    pub(super) mod file;

    pub(super) fn write(path: &Path, token: &[u8]) -> anyhow::Result<()> {
        file::write(Some(path), token)
    }

    pub(super) fn read_sealed(path: &Path) -> anyhow::Result<zeroize::Zeroizing<Vec<u8>>> {
        file::read_bytes(path, SEALED_TOKEN_BYTES, "sealed token")
    }
}

/// Bytes of a key's file that are read, at most.
const LONGEST_KEY_FILE: usize = 4096;

/// File of this process.
fn path() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| memory_folder().join(format!("netcode-fuzz-{}", std::process::id())))
}

/// Runs one input.
pub fn token_files(data: &[u8]) {
    fs::write(path(), data).expect("the folder for temporary files is writable");
    tokens(data);
    keys(data);
    let _ = fs::remove_file(path());
}

fn tokens(content: &[u8]) {
    let read = command::file::read(path());
    if content.len() == command::file::TOKEN_BYTES {
        let bytes = read.as_ref().expect("the raw bytes of a token");
        assert_eq!(bytes.as_slice(), content);
    }
    if let Ok(sealed) = command::read_sealed(path()) {
        assert_eq!(sealed.len(), SEALED_TOKEN_BYTES);
    }
    // As a matchmaker's answer has it.
    if let Some(token) = command::file::decode_token(content) {
        assert_eq!(token.len(), command::file::TOKEN_BYTES);
    }
    let Ok(token) = read else {
        return;
    };
    assert_eq!(token.len(), command::file::TOKEN_BYTES);
    let _ = PublicToken::parse(&token);
    // As base64 text it is the same token.
    let text = STANDARD.encode(&*token);
    let decoded = command::file::decode_token(text.as_bytes());
    assert_eq!(decoded.as_ref(), Some(&token));
    fs::write(path(), text).expect("the file was written before");
    let again = command::file::read(path()).expect("the same token as text");
    assert_eq!(again, token);
    command::write(path(), &token).expect("the file was written before");
    assert_eq!(fs::read(path()).expect("it was just written"), *token);
    fs::write(path(), content).expect("the file was written before");
}

fn keys(content: &[u8]) {
    let text = std::str::from_utf8(&content[..content.len().min(LONGEST_KEY_FILE)]);
    match (KeyFile::read(path()), text) {
        (Ok(read), Ok(text)) => assert_eq!(Key::from_hex(text.trim()), Ok(read.key)),
        (Err(KeyFileError::NotText), text) => assert!(text.is_err()),
        (Err(KeyFileError::Key(error)), Ok(text)) => {
            assert_eq!(Key::from_hex(text.trim()), Err(error));
        }
        (read, text) => panic!("{read:?} for {text:?}"),
    }
}
