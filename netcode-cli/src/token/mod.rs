//! `netcode token`: connect tokens of a web backend.

mod file;
mod inspect;
mod mint;
mod seal;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use self::file::{WrongContent, decode_token, read as read_file};
pub(crate) use self::mint::resolve;

/// Mint, inspect and seal connect tokens
#[derive(Subcommand)]
pub(crate) enum Task {
    Mint(mint::Args),
    Inspect(inspect::Args),
    Seal(seal::SealArgs),
    Open(seal::OpenArgs),
}

pub(crate) fn run(task: &Task) -> Result<()> {
    match task {
        Task::Mint(args) => mint::run(args),
        Task::Inspect(args) => inspect::run(args),
        Task::Seal(args) => seal::seal(args),
        Task::Open(args) => seal::open(args),
    }
}
