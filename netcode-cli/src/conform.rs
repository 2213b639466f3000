//! `netcode conform`: conformance checks of servers and clients of any implementation.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Subcommand;
use netcode_conform::{
    About, ClientStart, ClientTarget, Options, Outcome, Report, ServerTarget, check_client,
    check_server, client_checks, list, server_checks,
};
use netcode_service::parse_address;
use netcode_std::core::ProtocolId;

use crate::failure::Failure;
use crate::live::Live;
use crate::secret::KeyArgs;
use crate::text::{print, print_json, protocol_id, seconds};
use crate::token::resolve;

/// Check whether a server or a client of any implementation keeps the standard
#[derive(Subcommand)]
pub(crate) enum Task {
    Server(ServerArgs),
    Client(ClientArgs),
}

pub(crate) fn run(task: &Task) -> Result<()> {
    match task {
        Task::Server(args) => server(args),
        Task::Client(args) => client(args),
    }
}

/// Play clients and attackers against a running server
///
/// The server, in any language, has to send every payload back to its sender; 8 to 300 slots are
/// best. `docs/conform.md` in the repository says what else it can do to be seen through.
#[derive(clap::Args)]
#[command(after_help = SERVER_EXAMPLE)]
pub(crate) struct ServerArgs {
    /// Address of the server
    #[arg(value_name = "HOST:PORT", required_unless_present = "list")]
    address: Option<String>,
    /// Protocol id that the server was started with
    #[arg(long, value_parser = protocol_id, required_unless_present = "list")]
    protocol_id: Option<ProtocolId>,
    #[command(flatten)]
    key: KeyArgs,
    /// Address by which the server knows itself and tokens name it, if that is another
    #[arg(long, value_name = "IP:PORT", value_parser = parse_address)]
    public_address: Option<SocketAddr>,
    /// The server sends payloads back: a failure if it does not [default: a first payload tells]
    #[arg(long)]
    echo: bool,
    /// Command that starts the server at that address. Then it need not run yet; it is started
    /// again if it stops answering, and for rules about restarts
    #[arg(long, value_name = "COMMAND")]
    start: Option<String>,
    /// Lifetime of all tokens, for a server that refuses tokens from before its start by it
    /// [default: as each check needs]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    token_lifetime: Option<Duration>,
    #[command(flatten)]
    common: CommonArgs,
}

const SERVER_EXAMPLE: &str = "\
Example, with the server of this command:
  netcode keygen --out game.key
  netcode server --key game.key --protocol-id 42 --bind 127.0.0.1:40000 --max-token-lifetime off
  netcode conform server 127.0.0.1:40000 --key game.key --protocol-id 42

Exit codes:
  0  no check failed
  1  a check failed
  2  the command line was not understood, or no server answers there";

const CLIENT_EXAMPLE: &str = "\
Example, with the client of this command, which sends nothing back:
  netcode conform client --command 'netcode client {token}'

Exit codes:
  0  no check failed
  1  a check failed
  2  the command line was not understood, or no client connects";

/// Play servers and attackers for a client, which is started with a token for each check
///
/// The client reads the 2048 bytes of the token from a file, connects, and sends payloads back. If
/// it prints `state N` when its state changes, with the standard's values from -6 to 3, the states
/// are checked too.
#[derive(clap::Args)]
#[group(required = true, multiple = false, args = ["command", "token", "list"])]
#[command(after_help = CLIENT_EXAMPLE)]
pub(crate) struct ClientArgs {
    /// Address at which servers are played; with --token, its port is used for the first of them
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0",
        value_parser = parse_address
    )]
    listen: SocketAddr,
    /// Command that starts the client; `{token}` in it stands for the path of the token
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// Write each token to this file, and wait for a client that is started by hand
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Time to wait for each client that is started by hand
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "60",
        value_parser = seconds,
        requires = "token"
    )]
    patience: Duration,
    /// Protocol id of the tokens
    #[arg(long, value_parser = protocol_id, default_value = "42")]
    protocol_id: ProtocolId,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(clap::Args)]
struct CommonArgs {
    /// Run only the checks whose names begin so; can be given several times
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

    /// An error if no check is selected: nothing would fail.
    fn select(&self, checks: &[About]) -> Result<()> {
        let options = self.options();
        if checks.iter().any(|about| options.selects(about.id)) {
            return Ok(());
        }
        let prefixes = self.only.join(", ");
        let text = format!("no check's name begins with {prefixes}: --list shows them");
        Err(Failure::NothingToCheck(text).into())
    }

    fn print_list(&self, checks: Vec<About>) -> Result<()> {
        let options = self.options();
        let selected = checks.into_iter().filter(|about| options.selects(about.id));
        print(format_args!("{}", list(&selected.collect::<Vec<_>>())))
    }

    /// Number of the selected checks.
    fn count(&self, checks: &[About]) -> usize {
        let options = self.options();
        let selected = checks.iter().filter(|about| options.selects(about.id));
        selected.count()
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
    args.common.select(&server_checks())?;
    let named = args.address.as_slice();
    let address = *resolve(named)?.first().context("no address")?;
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
    let progress = Progress::new(args.common.count(&server_checks()));
    let report = check_server(target, &args.common.options(), &|outcome| {
        progress.passed(outcome);
    });
    progress.live.clear();
    let report = report.map_err(|error| Failure::NothingToCheck(error.to_string()))?;
    args.common.show(&report)
}

fn client(args: &ClientArgs) -> Result<()> {
    if args.common.list {
        return args.common.print_list(client_checks());
    }
    args.common.select(&client_checks())?;
    let (start, port) = match (&args.command, &args.token) {
        (Some(command), _) => (ClientStart::Command(words(command)?), 0),
        (None, Some(token)) => {
            let by_hand = ClientStart::ByHand {
                token: token.clone(),
                patience: args.patience,
                ready: || eprintln!("a token is written: start the client"),
            };
            (by_hand, args.listen.port())
        }
        (None, None) => bail!("give --command or --token"),
    };
    let target = ClientTarget {
        listen: args.listen.ip(),
        port,
        protocol_id: args.protocol_id.0,
        start,
    };
    let progress = Progress::new(args.common.count(&client_checks()));
    let report = check_client(target, &args.common.options(), &|outcome| {
        progress.passed(outcome);
    });
    progress.live.clear();
    let report = report.map_err(|error| Failure::NothingToCheck(error.to_string()))?;
    args.common.show(&report)
}

/// Checks that were run, on a terminal.
struct Progress {
    live: Live,
    checks: usize,
    done: AtomicUsize,
}

impl Progress {
    fn new(checks: usize) -> Self {
        Self {
            live: Live::shown(),
            checks,
            done: AtomicUsize::new(0),
        }
    }

    fn passed(&self, outcome: &Outcome) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        self.live
            .line(|| format!("{done} of {} checks: {}", self.checks, outcome.about.id));
    }
}

/// Splits a command as a shell would, without one.
fn words(command: &str) -> Result<Vec<String>> {
    shlex::split(command)
        .filter(|words| !words.is_empty())
        .ok_or_else(|| anyhow!("not a command: {command}"))
}
