//! `netcode keygen`: keys.

use std::path::PathBuf;

use anyhow::Result;
use netcode_std::core::crypto::Key;
use netcode_std::core::sealed::DeviceSecret;
use netcode_std::generator;

use crate::secret;
use crate::text::print;

/// Draw a private key, for a web backend and its servers
///
/// Both hold the same key: whoever has it can let clients in. Clients never get it.
///
/// With --x25519 it draws a key pair instead, for a device that gets its tokens sealed, or for the
/// backend that seals them: the secret goes to the file, the public key to standard output.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Draw an X25519 key pair, for sealed tokens
    #[arg(long, requires = "out")]
    x25519: bool,
    /// Write it to a new file that only you can read, instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let key = Key::generate(&mut generator()?);
    if let (true, Some(path)) = (args.x25519, &args.out) {
        secret::write_new(path, &key)?;
        let public = DeviceSecret::from_bytes(*key.as_bytes()).public();
        return print(format_args!("{}", hex::encode(public.as_bytes())));
    }
    match &args.out {
        Some(path) => secret::write_new(path, &key),
        None => print(format_args!("{}", hex::encode(key.as_bytes()))),
    }
}
