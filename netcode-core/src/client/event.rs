//! Events of a client, and the result of processing a datagram.

use core::ops::Range;

use super::state::ClientState;
use crate::identity::Sequence;

/// Event of a client: a change of state, or a payload.
///
/// `P` is the form of the payload: in the core its range in the datagram, in a shell the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<P = Range<usize>> {
    /// The client entered a state.
    StateChanged(ClientState),
    /// The server sent a payload.
    Payload {
        /// Sequence of its packet. Payloads may arrive in any order; the higher sequence is the
        /// newer one.
        sequence: Sequence,
        /// The payload, 1 to 1200 bytes.
        payload: P,
    },
}

impl<P> Event<P> {
    /// Converts the payload, if the event has one.
    pub fn map_payload<Q>(self, form: impl FnOnce(P) -> Q) -> Event<Q> {
        match self {
            Self::StateChanged(state) => Event::StateChanged(state),
            Self::Payload { sequence, payload } => Event::Payload {
                sequence,
                payload: form(payload),
            },
        }
    }
}

/// Result of processing a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a payload or a change of state is reported only once"]
pub enum Received {
    /// The datagram contained a payload or changed the client's state. A payload is decrypted in
    /// the datagram's buffer.
    Event(Event),
    /// There is nothing to do. A reply, if any, comes from
    /// [`poll_transmit`](super::Client::poll_transmit).
    Handled,
}

/// Events caused by time and by commands and not yet reported, oldest first.
pub(super) type Events = heapless::Deque<ClientState, 4>;
