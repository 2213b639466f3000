//! The client under test: how one is started for each attempt, and what it prints.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::NamedTempFile;

/// Client under test.
#[derive(Clone, Debug)]
pub struct ClientTarget {
    /// Address at which the tool plays servers.
    pub listen: IpAddr,
    /// Port of the first server, or 0 for one of the system's choice.
    pub port: u16,
    /// Protocol id of the tokens.
    pub protocol_id: u64,
    /// Start of a client.
    pub start: ClientStart,
}

/// Start of a client with a connect token.
#[derive(Clone, Debug)]
pub enum ClientStart {
    /// A command, split into words, in which `{token}` stands for the path of a file with the 2048
    /// bytes of the token; without it, the path is the last argument.
    Command(Vec<String>),
    /// By hand: the token is written to this file, and a client is waited for.
    ByHand {
        /// Path of the token.
        token: PathBuf,
        /// Longest time to wait for each client.
        patience: Duration,
        /// Called when a token has been written: now a client is to be started.
        ready: fn(),
    },
}

/// Place of the token's path in a command.
const PLACE: &str = "{token}";

/// A client that was started with a token.
pub(crate) struct Running {
    process: Option<Child>,
    states: Arc<Mutex<Vec<i32>>>,
    _token: Option<NamedTempFile>,
}

impl Running {
    pub(crate) fn start(start: &ClientStart, token: &[u8]) -> std::io::Result<Self> {
        let states = Arc::default();
        let words = match start {
            ClientStart::ByHand {
                token: path, ready, ..
            } => {
                std::fs::write(path, token)?;
                ready();
                return Ok(Self {
                    process: None,
                    states,
                    _token: None,
                });
            }
            ClientStart::Command(words) => words,
        };
        let mut file = NamedTempFile::new()?;
        file.write_all(token)?;
        let path = file.path().display().to_string();
        let mut words = words.clone();
        if !words.iter().any(|word| word.contains(PLACE)) {
            words.push(PLACE.to_owned());
        }
        let mut words = words.into_iter().map(|word| word.replace(PLACE, &path));
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        if let Some(output) = process.stdout.take() {
            let states = Arc::clone(&states);
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Some(Ok(state)) = line.strip_prefix("state ").map(str::parse) {
                        states
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(state);
                    }
                }
            });
        }
        Ok(Self {
            process: Some(process),
            states,
            _token: Some(file),
        })
    }

    /// States that the client has printed.
    pub(crate) fn states(&self) -> Vec<i32> {
        self.states
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
