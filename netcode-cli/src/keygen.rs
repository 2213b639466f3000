//! `netcode keygen`: generates keys.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use netcode_std::core::crypto::Key;
use netcode_std::core::sealed::DeviceSecret;
use netcode_std::generator;

use crate::secret;
use crate::text::print;

/// Generate a private key for a web backend and its servers
///
/// Both hold the same key: its holder can admit clients. Clients never get it.
///
/// To replace a key without refusing a player, generate a new one and put it into the key file of each
/// server, then of each backend, with SIGHUP after each change. Servers that have read the new key open
/// tokens under both, the previous one for --key-overlap seconds. `docs/operating.md` has the steps.
///
/// With --x25519 it generates a key pair instead, for a device that receives sealed tokens, or for
/// the backend that seals them: the secret key goes to the file, the public key to standard output.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Generate an X25519 key pair, for sealed tokens
    #[arg(long, requires = "out")]
    x25519: bool,
    /// New file for the key that only its owner can read; without it, or as `-`, the key goes to
    /// standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let key = Key::generate(&mut generator()?);
    let file = args.out.as_deref().filter(|path| path.as_os_str() != "-");
    if args.x25519 {
        let path =
            file.context("--x25519 prints the public key: name a file for the secret key")?;
        secret::write_new(path, &key)?;
        let public = DeviceSecret::from_bytes(*key.as_bytes()).public();
        return print(format_args!("{}", hex::encode(public.as_bytes())));
    }
    match file {
        Some(path) => secret::write_new(path, &key),
        None => print(format_args!("{}", hex::encode(key.as_bytes()))),
    }
}
