//! `netcode conform`: conformance checks of servers and clients of any implementation.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Subcommand;
use netcode_conform::{About, Options, Report, ServerTarget, check_server, list, server_checks};
use netcode_std::core::ProtocolId;

use crate::failure::Failure;
use crate::secret::KeyArgs;
use crate::text::{print, print_json, protocol_id, seconds};

/// Check whether a server or a client of any implementation keeps the standard
#[derive(Subcommand)]
pub(crate) enum Task {
    Server(ServerArgs),
}

pub(crate) fn run(task: &Task) -> Result<()> {
    match task {
        Task::Server(args) => server(args),
    }
}

/// Play clients and attackers against a running server
#[derive(clap::Args)]
pub(crate) struct ServerArgs {
    /// Address of the server
    #[arg(required_unless_present = "list")]
    address: Option<SocketAddr>,
    /// Protocol id that the server was started with
    #[arg(long, value_parser = protocol_id, required_unless_present = "list")]
    protocol_id: Option<ProtocolId>,
    #[command(flatten)]
    key: KeyArgs,
    /// Address by which the server knows itself, if it is not ADDRESS
    #[arg(long, value_name = "ADDRESS")]
    public_address: Option<SocketAddr>,
    /// The server sends payloads back: a failure if it does not [default: a first payload tells]
    #[arg(long)]
    echo: bool,
    /// Command that starts the server: it is started again if it stops answering, and for rules
    /// about restarts
    #[arg(long, value_name = "COMMAND")]
    start: Option<String>,
    /// Lifetime of all tokens, for a server that refuses tokens from before its start by it
    /// [default: as each check needs]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    token_lifetime: Option<Duration>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct CommonArgs {
    /// Run the checks whose names begin so; can be given several times
    #[arg(long, value_name = "PREFIX")]
    only: Vec<String>,
    /// List the checks, and run none
    #[arg(long)]
    list: bool,
    /// Print one JSON object, with the evidence of everything that did not pass
    #[arg(long)]
    json: bool,
    /// Write JUnit XML to this file as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Seed of a run's random choices
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Time after which no further check begins
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    budget: Duration,
}

impl CommonArgs {
    fn options(&self) -> Options {
        Options {
            seed: self.seed,
            budget: self.budget,
            only: self.only.clone(),
        }
    }

    fn print_list(&self, checks: Vec<About>) -> Result<()> {
        let options = self.options();
        let selected = checks.into_iter().filter(|about| options.selects(about.id));
        print(format_args!("{}", list(&selected.collect::<Vec<_>>())))
    }

    /// Prints a report; an error if a check failed.
    fn show(&self, report: &Report) -> Result<()> {
        if let Some(file) = &self.junit {
            std::fs::write(file, report.to_junit()?)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        if self.json {
            print_json(&report.to_json())?;
        } else {
            print(format_args!("{}", report.to_text()))?;
        }
        match report.failed().len() {
            0 => Ok(()),
            1 => bail!("1 check failed"),
            count => bail!("{count} checks failed"),
        }
    }
}

fn server(args: &ServerArgs) -> Result<()> {
    if args.common.list {
        return args.common.print_list(server_checks());
    }
    let address = args.address.context("no address")?;
    let ProtocolId(protocol_id) = args.protocol_id.context("no protocol id")?;
    let target = ServerTarget {
        address,
        public_address: args.public_address.unwrap_or(address),
        protocol_id,
        key: *args.key.require()?.as_bytes(),
        echo: args.echo,
        token_lifetime: args.token_lifetime,
        start: args.start.as_deref().map(words).transpose()?,
    };
    let report = check_server(target, &args.common.options(), &|_| ())
        .map_err(|error| Failure::NothingToCheck(error.to_string()))?;
    args.common.show(&report)
}

/// Splits a command as a shell would, without one.
fn words(command: &str) -> Result<Vec<String>> {
    shlex::split(command)
        .filter(|words| !words.is_empty())
        .ok_or_else(|| anyhow!("not a command: {command}"))
}
