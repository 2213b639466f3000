//! What a server's owner is told.

use core::fmt;

use crate::identity::{ClientId, ClientIndex};

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
