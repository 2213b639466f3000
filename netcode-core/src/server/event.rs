//! Results of processing a datagram, and changes among the clients.

use core::fmt;

use crate::identity::{ClientId, ClientIndex, Sequence};
use crate::transmit::Transmit;

/// Result of processing a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'d> {
    /// A client sent a payload; it stands, opened, in the datagram's buffer.
    Payload {
        /// Index of the sending client.
        client: ClientIndex,
        /// The number of its packet. Payloads arrive in any order; this tells which is newer.
        sequence: Sequence,
        /// The bytes, 1 to 1200.
        payload: &'d [u8],
    },
    /// An answer, written over the datagram it answers: send it now. It is always shorter.
    Reply(Transmit<'d>),
    /// Taken in; there is nothing to do.
    Handled,
}

/// A change among the clients, from [`Server::poll_event`](super::Server::poll_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ServerEvent {
    /// A client has a slot. Payloads may be sent to it from now on.
    Connected {
        /// Its slot.
        client: ClientIndex,
        /// Who it is.
        client_id: ClientId,
    },
    /// A client's session is over. Once this was taken, its slot may be given to another.
    Disconnected {
        /// The slot it had.
        client: ClientIndex,
        /// Who it was.
        client_id: ClientId,
        /// Why.
        reason: DisconnectReason,
    },
}

/// Why a client's session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DisconnectReason {
    // From one on, so that a slot that owes none is all zeros: see `StaticStorage`.
    /// The client said so.
    ByClient = 1,
    /// The server's owner disconnected it.
    ByServer,
    /// Nothing came from it for its token's timeout.
    TimedOut,
    /// The server was stopped.
    ServerStopped,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByClient => "the client disconnected",
            Self::ByServer => "disconnected by the server",
            Self::TimedOut => "timed out",
            Self::ServerStopped => "the server stopped",
        })
    }
}
