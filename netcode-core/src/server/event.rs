//! Result of processing a datagram, and events of clients.

use core::fmt;
use core::ops::Range;

use crate::identity::{ClientId, ClientIndex, Sequence};
use crate::transmit::Transmit;

/// Result of processing a datagram.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Received<'d> {
    /// The datagram caused this event, which is told nowhere else.
    Event(Event),
    /// An answer, written over the datagram: send it now. It is always shorter.
    Reply(Transmit<'d>),
    /// The datagram was good; there is nothing to do.
    Handled,
}

/// Something that happened to a client.
///
/// What a datagram causes comes back from
/// [`Server::handle_datagram`](super::Server::handle_datagram), what time or a command causes from
/// [`Server::poll_event`](super::Server::poll_event). Of each client a server tells *connected*,
/// then payloads, then *disconnected*.
///
/// `P` is how the payload is given: its place in the datagram, or in a shell the bytes themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<P = Range<usize>> {
    /// A client has a slot. Payloads may be sent to it from now on.
    Connected {
        /// Its slot.
        client: ClientIndex,
        /// Id of the client.
        client_id: ClientId,
    },
    /// A client sent a payload of 1 to 1200 bytes.
    Payload {
        /// Index of the sending client.
        client: ClientIndex,
        /// Sequence of its packet. Payloads arrive in any order; this tells which is newer.
        sequence: Sequence,
        /// The payload.
        payload: P,
    },
    /// A client's session is over. Its slot may now be given to another.
    Disconnected {
        /// The slot it had.
        client: ClientIndex,
        /// Id of the client.
        client_id: ClientId,
        /// Why the session ended.
        reason: DisconnectReason,
    },
}

impl<P> Event<P> {
    /// The same event with its payload, if it has one, given in another way.
    pub fn map_payload<Q>(self, map: impl FnOnce(P) -> Q) -> Event<Q> {
        match self {
            Self::Connected { client, client_id } => Event::Connected { client, client_id },
            Self::Payload {
                client,
                sequence,
                payload,
            } => Event::Payload {
                client,
                sequence,
                payload: map(payload),
            },
            Self::Disconnected {
                client,
                client_id,
                reason,
            } => Event::Disconnected {
                client,
                client_id,
                reason,
            },
        }
    }
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
    /// The same client id connected anew with a newer token: see
    /// [`ReconnectRule`](super::ReconnectRule).
    Replaced,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByClient => "the client disconnected",
            Self::ByServer => "disconnected by the server",
            Self::TimedOut => "timed out",
            Self::ServerStopped => "the server stopped",
            Self::Replaced => "replaced by a newer session of the same client id",
        })
    }
}
