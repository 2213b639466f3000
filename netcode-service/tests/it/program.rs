//! A program in a process of its own: this test binary, started again for one test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use netcode_service::{LogArgs, ReloadSignal, StopSignal, with_environment};

/// Words of the program's command line. They are set in its process alone.
const WORDS: &str = "PROGRAM_WORDS";

#[derive(Parser)]
#[command(name = "program")]
struct Args {
    #[command(flatten)]
    log: LogArgs,
    /// Run until a signal
    #[arg(long)]
    serve: bool,
}

/// The program, if this process is one.
#[test]
fn program() {
    let Ok(words) = std::env::var(WORDS) else {
        return;
    };
    let words = std::iter::once("program").chain(words.split_whitespace());
    let matches = with_environment(Args::command()).get_matches_from(words);
    let args = Args::from_arg_matches(&matches).unwrap();
    args.log.start("it").unwrap();
    assert!(args.log.start("it").is_err());

    let (stop, reload) = (
        StopSignal::listen().unwrap(),
        ReloadSignal::listen().unwrap(),
    );
    let client_id = u64::MAX;
    tracing::info!(%client_id, slot = 3, "connected");
    tracing::debug!("details");
    tracing::info!(target: "elsewhere", "another crate's line");
    tracing::warn!(target: "elsewhere", "another crate's warning");
    tracing::error!(target: "elsewhere", "another crate's error");
    tracing::info!(target: "netcode_std::server", "a crate of ours");
    if !args.serve {
        return;
    }
    while !stop.is_requested() {
        if reload.take() {
            tracing::info!("reloaded");
        }
        std::thread::yield_now();
    }
    tracing::info!("stopping");
    while std::env::var_os("STUCK").is_some() {
        std::thread::park();
    }
}

pub(crate) fn command(words: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "program::program", "--nocapture"])
        .env(WORDS, words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    for variable in ["NETCODE_LOG", "NETCODE_LOG_FORMAT", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

/// Log of a program that ends by itself.
pub(crate) fn log_of(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().map(str::to_owned).collect()
}

/// Program that runs until a signal.
pub(crate) struct Service {
    pub(crate) process: Child,
    log: BufReader<ChildStderr>,
}

impl Service {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, log }
    }

    /// Reads the log up to a line that ends so.
    pub(crate) fn wait_for(&mut self, message: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(message) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "no `{message}`");
        }
    }

    pub(crate) fn rest_of_log(&mut self) -> String {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        rest
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
