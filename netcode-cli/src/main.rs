//! The `netcode` command: keys, tokens, a server, a client, and a demonstration.
//!
//! | file | contents |
//! | --- | --- |
//! | `failure` | failures and exit codes |
//! | `secret` | keys from files and the environment |
//! | `keygen`, `token` | tasks of a backend |
//! | `network`, `signal` | sockets with an optional simulator; Ctrl-C |
//! | `text`, `live` | lines and numbers; live tables |
//! | `server`, `client` | the two roles |
//! | `demo` | both in one process, checked |
//! | `conform` | conformance checks of any implementation |

mod client;
mod conform;
mod demo;
mod failure;
mod keygen;
mod live;
mod network;
mod secret;
mod server;
mod signal;
mod text;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Secure, connection-oriented datagrams: netcode 1.02
///
/// `netcode demo` demonstrates it in a few seconds.
#[derive(Parser)]
#[command(
    name = "netcode",
    version,
    arg_required_else_help = true,
    after_help = failure::EXIT_CODES
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Demo(demo::Args),
    Keygen(keygen::Args),
    #[command(subcommand)]
    Token(token::Task),
    Server(server::Args),
    Client(client::Args),
    #[command(subcommand)]
    Conform(conform::Task),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Demo(args) => demo::run(&args),
        Task::Keygen(args) => keygen::run(&args),
        Task::Token(task) => token::run(&task),
        Task::Server(args) => server::run(&args),
        Task::Client(args) => client::run(&args),
        Task::Conform(task) => conform::run(&task),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
