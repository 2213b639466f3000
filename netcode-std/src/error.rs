//! Errors of the shell.

use std::net::SocketAddr;
use std::{fmt, io};

use netcode_core::server::{ConfigError, StartError};

/// Reason why a client or a server cannot be made or started.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// The sockets cannot be created or bound; the error names the address and the reason.
    Link(io::Error),
    /// A server is bound to all interfaces at this address, which no token can name: set
    /// `config.addresses` to the addresses that tokens are minted with.
    Unspecified(SocketAddr),
    /// The operating system provides no randomness.
    Randomness(io::Error),
    /// The configuration is invalid.
    Config(ConfigError),
    /// The server is running, or the events of its last run were not drained.
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

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The message includes the wrapped error's, so the source is the wrapped error's source.
        match self {
            Self::Link(error) | Self::Randomness(error) => error.source(),
            Self::Unspecified(_) => None,
            Self::Config(error) => error.source(),
            Self::Start(error) => error.source(),
        }
    }
}

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

/// Reason why a payload cannot be sent. An absent client is not an error: `send` returns `false`.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The payload or its session does not permit it.
    Payload(netcode_core::SendError),
    /// The link is broken: it will not work again.
    Link(io::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => error.fmt(f),
            Self::Link(error) => write!(f, "the link is broken: {error}"),
        }
    }
}

impl std::error::Error for SendError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Payload(error) => error.source(),
            Self::Link(error) => error.source(),
        }
    }
}

impl From<netcode_core::SendError> for SendError {
    fn from(error: netcode_core::SendError) -> Self {
        Self::Payload(error)
    }
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        Self::Link(error)
    }
}
