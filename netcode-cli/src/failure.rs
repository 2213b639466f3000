//! Failures and exit codes of the command.

use std::fmt;
use std::process::ExitCode;

use crate::text::fail;

/// Shown below `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  something could not be done; the message says what
  2  the command line was not understood; `conform`: there is nothing to check
  3  no connection: denied, timed out, or the token is no good
  4  connected, but payloads were lost or damaged";

/// Failure with an exit code of its own; any other ends with 1.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client never connected, or lost its connection.
    NoConnection(String),
    /// Payloads did not arrive as they were sent.
    Lost(String),
    /// `conform` cannot reach what it should check.
    NothingToCheck(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(text) | Self::Lost(text) | Self::NothingToCheck(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for Failure {}

/// Prints a failure on standard error, and returns its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    fail(format_args!("{error:#}"));
    match error.downcast_ref() {
        Some(Failure::NoConnection(_)) => ExitCode::from(3),
        Some(Failure::Lost(_)) => ExitCode::from(4),
        Some(Failure::NothingToCheck(_)) => ExitCode::from(2),
        None => ExitCode::FAILURE,
    }
}

/// `true` for a closed pipe, which is a normal end: `netcode … | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
