//! Errors of creating a server and of sending a payload.

use core::fmt;

/// Reason why a server cannot be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// The configuration is invalid.
    Core(netcode_core::server::ConfigError),
    /// There are fewer sockets than one for each of `max_clients` and one more.
    TooFewSockets {
        /// Number of sockets needed.
        needed: usize,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(error) => error.fmt(f),
            Self::TooFewSockets { needed } => write!(
                f,
                "a server needs a socket for each client and one more: {needed}"
            ),
        }
    }
}

impl core::error::Error for ConfigError {}

impl From<netcode_core::server::ConfigError> for ConfigError {
    fn from(error: netcode_core::server::ConfigError) -> Self {
        Self::Core(error)
    }
}

/// Reason why a payload was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendError {
    /// The payload or its session does not permit it.
    Core(netcode_core::SendError),
    /// The socket's transmit buffer is full. Let the interface send and try again, or drop the
    /// payload in favour of a newer one.
    BufferFull,
    /// The peer's host, or the router to it, does not resolve, or there is no route. Later sends
    /// try again.
    Unreachable,
    /// The socket is closed or not in the set, or the peer's address is of a family this build
    /// does not have.
    Unaddressable,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(error) => error.fmt(f),
            Self::BufferFull => f.write_str("the socket's transmit buffer is full"),
            Self::Unreachable => f.write_str("the peer's host does not answer"),
            Self::Unaddressable => f.write_str("the socket cannot reach the peer's address"),
        }
    }
}

impl core::error::Error for SendError {}

impl From<netcode_core::SendError> for SendError {
    fn from(error: netcode_core::SendError) -> Self {
        Self::Core(error)
    }
}

/// Reason why a socket did not accept a datagram.
#[derive(Clone, Copy)]
pub(crate) enum TransmitError {
    Full,
    Unreachable,
    Unaddressable,
}

impl From<TransmitError> for SendError {
    fn from(refused: TransmitError) -> Self {
        match refused {
            TransmitError::Full => Self::BufferFull,
            TransmitError::Unreachable => Self::Unreachable,
            TransmitError::Unaddressable => Self::Unaddressable,
        }
    }
}
