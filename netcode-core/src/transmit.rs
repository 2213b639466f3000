//! A datagram that is ready to leave.

use core::fmt;
use core::net::SocketAddr;

use crate::standard::MAX_PAYLOAD_BYTES;

/// A datagram for the caller to send, in the buffer the caller lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a datagram that nobody sends is lost"]
pub struct Transmit<'b> {
    /// Its destination.
    pub to: SocketAddr,
    /// Its bytes.
    pub datagram: &'b [u8],
}

/// Reason for which a payload cannot be sent. That nobody is connected is none. The buffer's content is unspecified but holds no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendError {
    /// Payloads are 1 to 1200 bytes: split this one.
    PayloadLength {
        /// The length that was given, bytes.
        len: usize,
    },
    /// The buffer lent for the datagram is too short: lend this many bytes.
    BufferTooShort {
        /// The length that would do, bytes.
        needed: usize,
    },
    /// All 2⁶³ sequences of a session are used up: connect again, with a new token.
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

/// The length rule of payloads, the same in both directions. (Standard: *Connection Payload
/// Packet*.)
pub(crate) fn check_payload(payload: &[u8]) -> Result<(), SendError> {
    match payload.len() {
        1..=MAX_PAYLOAD_BYTES => Ok(()),
        len => Err(SendError::PayloadLength { len }),
    }
}
