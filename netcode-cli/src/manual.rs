//! `netcode completions` and `netcode man`: generated from the command line itself.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap_complete::Shell;

/// Print completions for a shell
///
/// For bash: `netcode completions bash > /etc/bash_completion.d/netcode`. For fish:
/// `netcode completions fish > ~/.config/fish/completions/netcode.fish`. For zsh: into a file
/// `_netcode` in a folder of `fpath`.
#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Shell
    shell: Shell,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "netcode", &mut script);
    print(&script)
}

/// Print the manual page, or write the pages of all commands
///
/// `netcode man | man -l -` shows it.
#[derive(clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, such as /usr/local/share/man/man1
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn pages(args: &ManArgs) -> Result<()> {
    if let Some(folder) = &args.out {
        return clap_mangen::generate_to(crate::command(), folder)
            .with_context(|| format!("cannot write into {}", folder.display()));
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(crate::command()).render(&mut page)?;
    print(&page)
}

fn print(text: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text)?;
    Ok(out.flush()?)
}
