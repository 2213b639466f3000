//! Shell completions and manual pages, generated from the command line itself.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Command;
use clap_complete::Shell;

/// Print completions for a shell
///
/// Into a file that the shell reads: for bash one in /etc/bash_completion.d, for fish NAME.fish in
/// ~/.config/fish/completions, for zsh _NAME in a folder of `fpath`.
#[derive(clap::Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// Shell
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints the completions of `command` on standard output.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn print(&self, mut command: Command) -> io::Result<()> {
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        print(&script)
    }
}

/// Print the manual page, or write the pages of all commands
///
/// Piped into `man -l -`, it is shown.
#[derive(clap::Args, Clone, Debug)]
pub struct ManArgs {
    /// Write a page for each command into this folder, such as /usr/local/share/man/man1
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl ManArgs {
    /// Prints the manual page of `command` on standard output, or writes all pages.
    ///
    /// # Errors
    /// Standard output is closed, or a file cannot be written; the text names the folder.
    pub fn print(&self, command: Command) -> io::Result<()> {
        if let Some(folder) = &self.out {
            return clap_mangen::generate_to(command, folder).map_err(|error| {
                let text = format!("cannot write into {}: {error}", folder.display());
                io::Error::new(error.kind(), text)
            });
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        print(&page)
    }
}

fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text)?;
    out.flush()
}
