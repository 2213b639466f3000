//! What can go wrong between a program and its sockets.

use std::net::SocketAddr;
use std::{fmt, io};

use netcode_core::SendError;
use netcode_core::server::{ConfigError, StartError};

/// Why a client or a server cannot begin.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The sockets cannot be made or bound; the error says which, and why.
    Link(io::Error),
    /// A server is bound to all interfaces at this address, which no token can name: put the
    /// addresses that tokens are minted with into `config.addresses`.
    Unspecified(SocketAddr),
    /// The operating system has no randomness: nothing secret can be made.
    Randomness(io::Error),
    /// The configuration cannot work.
    Config(ConfigError),
    /// The server runs, or its last run is not drained.
    Start(StartError),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => write!(f, "cannot open the sockets: {error}"),
            Self::Unspecified(bound) => write!(
                f,
                "no token can name {bound}, which is all interfaces; say by which addresses \
                 tokens name the server"
            ),
            Self::Randomness(error) => write!(f, "the system has no randomness: {error}"),
            Self::Config(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BindError {}

impl From<ConfigError> for BindError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<StartError> for BindError {
    fn from(error: StartError) -> Self {
        Self::Start(error)
    }
}

/// Why a payload was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransferError {
    /// It cannot be: see the reason.
    Send(SendError),
    /// The link is broken.
    Link(io::Error),
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => error.fmt(f),
            Self::Link(error) => write!(f, "the link is broken: {error}"),
        }
    }
}

impl std::error::Error for TransferError {}

impl From<SendError> for TransferError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<io::Error> for TransferError {
    fn from(error: io::Error) -> Self {
        Self::Link(error)
    }
}
