//! `netcode keygen`: keys.

use std::path::PathBuf;

use anyhow::Result;
use netcode_std::core::crypto::Key;
use netcode_std::generator;

use crate::secret;
use crate::text::print;

/// Draw a private key, for a web backend and its servers
///
/// Both hold the same key: whoever has it can let clients in. Clients never get it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write it to a new file that only you can read, instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let key = Key::generate(&mut generator()?);
    match &args.out {
        Some(path) => secret::write_new(path, &key),
        None => print(format_args!("{}", hex::encode(key.as_bytes()))),
    }
}
