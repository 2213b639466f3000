//! `netcode token`: what a web backend does for its clients.

mod file;
mod inspect;
mod mint;

use anyhow::Result;
use clap::Subcommand;

pub(crate) use self::file::read as read_file;
pub(crate) use self::mint::resolve;

/// Make and look at connect tokens
#[derive(Subcommand)]
pub(crate) enum Task {
    Mint(mint::Args),
    Inspect(inspect::Args),
}

pub(crate) fn run(task: &Task) -> Result<()> {
    match task {
        Task::Mint(args) => mint::run(args),
        Task::Inspect(args) => inspect::run(args),
    }
}
