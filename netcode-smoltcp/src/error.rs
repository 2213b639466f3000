//! Why a payload does not leave.

use core::fmt;

/// Why a payload was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendError {
    /// It cannot be: see the reason.
    Core(netcode_core::SendError),
    /// The socket's transmit buffer is full. Let the interface send, and try again, or drop the
    /// payload: a newer one may be worth more.
    BufferFull,
    /// The socket is closed or not in the set, or the peer's address is of a family this build
    /// does not have.
    Unaddressable,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core(error) => error.fmt(f),
            Self::BufferFull => f.write_str("the socket's transmit buffer is full"),
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

/// Why a socket does not take a datagram.
#[derive(Clone, Copy)]
pub(crate) enum Refused {
    Full,
    Unaddressable,
}

impl From<Refused> for SendError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::BufferFull,
            Refused::Unaddressable => Self::Unaddressable,
        }
    }
}
