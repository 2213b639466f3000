//! Outgoing datagrams, and errors of sending a payload.

use core::fmt;
use core::net::SocketAddr;

use crate::standard::MAX_PAYLOAD_BYTES;

/// Datagram for the caller to send, in the buffer that the caller lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a datagram that is not sent is lost"]
pub struct Transmit<'b> {
    /// Destination.
    pub to: SocketAddr,
    /// Bytes of the datagram.
    pub datagram: &'b [u8],
}

/// Reason for which a payload cannot be sent. An absent client or connection is not one of them.
/// The buffer's content is then unspecified but holds no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendError {
    /// The payload is not 1 to 1200 bytes long: split it.
    PayloadLength {
        /// Length given, bytes.
        len: usize,
    },
    /// The buffer lent for the datagram is too short.
    BufferTooShort {
        /// Sufficient length, bytes.
        needed: usize,
    },
    /// All 2⁶³ sequence numbers of the session are used: connect again, with a new token.
    SequenceExhausted,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PayloadLength { len } => {
                write!(f, "a payload is 1 to 1200 bytes, not {len}; split it")
            }
            Self::BufferTooShort { needed } => {
                write!(f, "the buffer for the datagram needs {needed} bytes")
            }
            Self::SequenceExhausted => f.write_str("the session's sequences are used up"),
        }
    }
}

impl core::error::Error for SendError {}

/// Checks the length of a payload, by the same rule in both directions. (Standard: *Connection
/// Payload Packet*.)
pub(crate) fn check_payload(payload: &[u8]) -> Result<(), SendError> {
    match payload.len() {
        1..=MAX_PAYLOAD_BYTES => Ok(()),
        len => Err(SendError::PayloadLength { len }),
    }
}
