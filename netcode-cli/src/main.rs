//! The `netcode` command: keys, tokens, a server, a client, and a demonstration.
//!
//! | file | contents |
//! | --- | --- |
//! | `failure` | failures and exit codes |
//! | `secret` | keys from files and the environment |
//! | `keygen`, `token` | tasks of a backend |
//! | `network` | sockets with an optional simulator |
//! | `text`, `table`, `live` | lines and numbers; tables; text that is redrawn on a terminal |
//! | `server`, `client` | the two roles |
//! | `demo` | both in one process, checked |
//! | `matchmaker` | the web backend, as server and client ask it |
//! | `conform` | conformance checks of any implementation |

mod client;
mod conform;
mod demo;
mod failure;
mod keygen;
mod live;
mod matchmaker;
mod network;
mod secret;
mod server;
mod table;
mod text;
mod token;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use netcode_service::{CompletionsArgs, HealthArgs, ManArgs, with_environment};

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
    Server(Box<server::Args>),
    Client(Box<client::Args>),
    #[command(subcommand)]
    Conform(conform::Task),
    Health(HealthArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// The command line, with options from the environment too.
fn command() -> Command {
    with_environment(Cli::command())
}

fn main() -> ExitCode {
    let cli = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    let done = match cli.task {
        Task::Demo(args) => demo::run(&args),
        Task::Keygen(args) => keygen::run(&args),
        Task::Token(task) => token::run(&task),
        Task::Server(args) => server::run(&args),
        Task::Client(args) => client::run(&args),
        Task::Conform(task) => conform::run(&task),
        Task::Health(args) => health(&args),
        Task::Completions(args) => args.print(command()).map_err(Into::into),
        Task::Man(args) => args.print(command()).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

fn health(args: &HealthArgs) -> Result<()> {
    let text = args.check()?;
    text::print(format_args!("{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    /// Names of the variables in a file of `packaging`.
    fn variables(file: &str) -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(folder.join("../packaging").join(file)).unwrap();
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        words
            .filter(|word| word.starts_with("NETCODE_") && !word.starts_with("NETCODE_BRIDGE_"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_variable_in_the_files_for_deployment_is_one_of_the_server() {
        let command = command();
        let server = command.find_subcommand("server").unwrap();
        let known: Vec<_> = server
            .get_arguments()
            .filter_map(|it| it.get_env())
            .collect();
        for file in [
            "Containerfile",
            "README.md",
            "systemd/server.env",
            "systemd/netcode-server.service",
        ] {
            for variable in variables(file) {
                assert!(
                    known.contains(&std::ffi::OsStr::new(&variable)),
                    "{file}: {variable}"
                );
            }
        }
    }

    #[test]
    fn every_option_can_stand_in_the_environment() {
        fn check(command: &Command) {
            for option in command
                .get_opts()
                .filter(|it| it.get_id() != "verbose" && it.get_id() != "quiet")
            {
                assert!(
                    option.get_env().is_some(),
                    "{}: {option}",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }
}
