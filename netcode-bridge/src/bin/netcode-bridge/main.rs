//! The `netcode-bridge` program: a bridge as a service.
//!
//! | file | contents |
//! | --- | --- |
//! | `options`, `limits` | the command line |
//! | `service` | the main loop |

mod limits;
mod options;
mod service;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use netcode_bridge::AllowRule;
use netcode_service::{
    CompletionsArgs, EndpointArgs, HealthArgs, LogArgs, ManArgs, parse_address, with_environment_of,
};

use self::options::{BrowserArgs, seconds};

/// Shown below `--help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  ended as asked, by a signal
  1  could not start, or was ended by a second signal; the log says why
  2  the command line was not understood";

/// Let browsers reach UDP servers over WebTransport and WebRTC
///
/// Datagrams pass unopened: the bridge needs no key, and any netcode 1.02 server works behind it.
///
/// At Ctrl-C or SIGTERM it refuses new sessions and waits for the open ones to end; a second signal
/// ends it at once. At SIGHUP, or when the files change, it reads its certificate again.
#[derive(Parser)]
#[command(
    name = "netcode-bridge",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    after_help = EXIT_CODES
)]
struct Args {
    /// Server that may be reached: HOST:PORT, NETWORK:PORT or HOST:PORT-PORT, such as
    /// 192.0.2.1:40000, 10.1.0.0/16:40000-40099 or game.example:40000; followed by =ADDRESS:PORT if
    /// the bridge reaches it at another address than the one in tokens
    #[arg(long, value_name = "SERVER", required = true, num_args = 1..)]
    allow: Vec<AllowRule>,
    /// Address for browsers, WebTransport over UDP and WebRTC offers over TCP: one, or one of each
    /// family
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = parse_address,
        default_values = ["0.0.0.0:4433", "[::]:4433"]
    )]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    browsers: BrowserArgs,
    /// Time for sessions to end once the bridge is asked to stop
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    drain: Duration,
    #[command(flatten)]
    endpoint: EndpointArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    task: Option<Task>,
}

/// Tasks that start no bridge.
#[derive(Subcommand)]
enum Task {
    Health(HealthArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// The command line, with options from the environment too.
fn command() -> Command {
    with_environment_of("NETCODE_BRIDGE", Args::command())
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let printed = match &args.task {
        Some(Task::Health(task)) => return health(task),
        Some(Task::Completions(task)) => task.print(command()),
        Some(Task::Man(task)) => task.print(command()),
        None => return serve(&args),
    };
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        // A closed pipe is a normal end: `netcode-bridge man | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netcode-bridge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn health(task: &HealthArgs) -> ExitCode {
    match task.check() {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netcode-bridge: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &Args) -> ExitCode {
    let served: Result<()> = args
        .log
        .start("netcode_bridge")
        .map_err(Into::into)
        .and_then(|()| service::run(args));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_variable_in_the_files_for_deployment_is_one_of_the_bridge() {
        let command = command();
        let known: Vec<_> = command
            .get_arguments()
            .filter_map(|it| it.get_env())
            .collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
        for file in ["bridge.env", "netcode-bridge.service"] {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
            for variable in words.filter(|word| word.starts_with("NETCODE_")) {
                let variable = std::ffi::OsStr::new(variable);
                assert!(known.contains(&variable), "{file}: {}", variable.display());
            }
        }
    }

    #[test]
    fn every_option_of_the_bridge_has_a_variable() {
        for arg in command().get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            // Counted: `NETCODE_LOG` is the variable.
            if matches!(long, "verbose" | "quiet") {
                continue;
            }
            let variable = arg.get_env().unwrap().to_str().unwrap();
            assert!(variable.starts_with("NETCODE_"), "{long}: {variable}");
            assert!(arg.is_hide_env_set(), "{long}");
        }
    }
}
