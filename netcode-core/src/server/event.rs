//! Result of processing a datagram, and events of clients.

use core::fmt;
use core::ops::Range;

use crate::identity::{ClientId, ClientIndex, Sequence};
use crate::transmit::Transmit;

/// Result of processing a datagram.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Received<'d> {
    /// Event caused by the datagram. It is reported only here.
    Event(Event),
    /// Reply to the sender, written over the datagram, which is always longer: send it now.
    Reply(Transmit<'d>),
    /// The datagram was accepted; there is nothing to do.
    Handled,
}

/// Event of a client.
///
/// Events caused by a datagram are returned by
/// [`Server::handle_datagram`](super::Server::handle_datagram), those caused by time or a command
/// by [`Server::poll_event`](super::Server::poll_event). Of each session a server reports
/// *connected*, then payloads, then *disconnected*.
///
/// `P` is the form of the payload: in the core its range in the datagram, in a shell the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<P = Range<usize>> {
    /// A client connected and has a slot. Payloads may be sent to it from now on.
    Connected {
        /// Index of the client.
        client: ClientIndex,
        /// Id of the client.
        client_id: ClientId,
    },
    /// A client sent a payload of 1 to 1200 bytes.
    Payload {
        /// Index of the sending client.
        client: ClientIndex,
        /// Sequence of its packet. Payloads may arrive in any order; the higher sequence is the
        /// newer one.
        sequence: Sequence,
        /// The payload.
        payload: P,
    },
    /// A client's session ended. Its slot may now be given to another client.
    Disconnected {
        /// Index that the client had.
        client: ClientIndex,
        /// Id of the client.
        client_id: ClientId,
        /// Reason for the end of the session.
        reason: DisconnectReason,
    },
}

impl<P> Event<P> {
    /// Converts the payload, if the event has one.
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

/// Reason for which a client's session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DisconnectReason {
    // Numbered from one, so that `None` is all zeros: see `StaticStorage`.
    /// The client sent a disconnect packet.
    ByClient = 1,
    /// The server's owner disconnected the client.
    ByServer,
    /// No packet of the client arrived within its token's timeout.
    TimedOut,
    /// The server was stopped.
    ServerStopped,
    /// A newer token of the same client id replaced the session: see
    /// [`ReconnectRule`](super::ReconnectRule).
    Replaced,
}

impl DisconnectReason {
    /// Stable name for logs, metrics and JSON: the variant's, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByClient => "by_client",
            Self::ByServer => "by_server",
            Self::TimedOut => "timed_out",
            Self::ServerStopped => "server_stopped",
            Self::Replaced => "replaced",
        }
    }
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
