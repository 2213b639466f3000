//! The client: one connect token, one connection; no sockets, no clock.
//!
//! A shell hands in every datagram with [`Client::handle_datagram`], then drains
//! [`Client::poll_transmit`] and [`Client::poll_event`], and comes back when
//! [`Client::next_deadline`] says or when a datagram arrives: *mutate, then drain*.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `state` | the ten states of the standard |
//! | `event` | what is reported, from a datagram or from the queue |
//! | `connect` | taking a token in, and going from address to address |
//! | `receive` | a datagram's way in |
//! | `transmit` | payloads out, and what time makes due |

mod connect;
mod event;
mod receive;
mod state;
mod transmit;

use core::fmt;
use core::net::SocketAddr;

pub use self::connect::ConnectError;
pub use self::event::{Event, Received};
pub use self::state::ClientState;

use self::connect::{Attempt, SpentTokens};
use self::event::Events;
use crate::crypto::RustCrypto;
use crate::drop_reason::DropCounts;
use crate::identity::{ClientIndex, Sequence};
use crate::replay::ReplayWindow;
use crate::standard::CHALLENGE_TOKEN_BYTES;
use crate::stats::{ConnectionStats, RoundTrip, Traffic};
use crate::time::{Calendar, Clock, Local, UnixTime};

/// A netcode client. `C` seals and opens.
///
/// About two kilobytes, most of it the token's private part and its addresses: keep it in a
/// `static` or on the heap where the stack is small. Keys are wiped as soon as they are not
/// needed.
pub struct Client<C = RustCrypto> {
    crypto: C,
    clock: Clock,
    state: ClientState,
    events: Events,
    attempt: Attempt,
    spent: SpentTokens,
    newest_token: Option<UnixTime>,
    calendar: Calendar,
    /// Of the next packet. It never goes back, so that no nonce repeats when a token is used
    /// again, at another address or after another token.
    sequence: u64,
    replay: ReplayWindow,
    challenge_sequence: Sequence,
    challenge: [u8; CHALLENGE_TOKEN_BYTES],
    /// When the state's first packet left, while its answer is waited for.
    first_sent: Option<Local>,
    /// When the next request, response or keep-alive is due.
    send_due: Local,
    last_received: Local,
    client_index: ClientIndex,
    max_clients: u32,
    disconnects_left: u8,
    traffic: Traffic,
    round_trip: RoundTrip,
    /// Packets sent since [`Client::connect`].
    datagrams_out: u64,
    dropped: DropCounts,
}

// The token and the keys stay out of logs.
impl<C> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state)
            .field("server_address", &self.server_address())
            .field("client_index", &self.client_index())
            .field("stats", &self.stats())
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl Client<RustCrypto> {
    /// A disconnected client with the default crypto.
    pub const fn new() -> Self {
        Self::with_crypto(RustCrypto)
    }
}

impl Default for Client<RustCrypto> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Client<C> {
    /// A disconnected client that seals and opens with `crypto`.
    pub const fn with_crypto(crypto: C) -> Self {
        Self {
            crypto,
            clock: Clock::new(),
            state: ClientState::Disconnected,
            events: Events::new(),
            attempt: Attempt::NONE,
            spent: SpentTokens::NONE,
            newest_token: None,
            calendar: Calendar::UNKNOWN,
            sequence: 0,
            replay: ReplayWindow::EMPTY,
            challenge_sequence: Sequence(0),
            challenge: [0; CHALLENGE_TOKEN_BYTES],
            first_sent: None,
            send_due: Local::ZERO,
            last_received: Local::ZERO,
            client_index: ClientIndex(0),
            max_clients: 0,
            disconnects_left: 0,
            traffic: Traffic::ZERO,
            round_trip: RoundTrip::UNKNOWN,
            datagrams_out: 0,
            dropped: DropCounts::ZERO,
        }
    }

    /// State of the client.
    pub const fn state(&self) -> ClientState {
        self.state
    }

    /// The slot the server gave it, while connected.
    pub fn client_index(&self) -> Option<ClientIndex> {
        (self.state == ClientState::Connected).then_some(self.client_index)
    }

    /// Number of the server's slots, while connected.
    pub fn max_clients(&self) -> Option<u32> {
        (self.state == ClientState::Connected).then_some(self.max_clients)
    }

    /// The server it talks to, or is trying.
    pub fn server_address(&self) -> Option<SocketAddr> {
        self.is_active().then(|| self.attempt.server()).flatten()
    }

    /// Counters of the connection since [`connect`](Self::connect).
    pub fn stats(&self) -> ConnectionStats {
        self.traffic.to_stats(self.datagrams_out, self.round_trip)
    }

    /// Datagrams dropped since the client was made, by reason.
    pub const fn dropped(&self) -> &DropCounts {
        &self.dropped
    }

    /// The next change of state that time or a command caused; what a datagram causes is returned
    /// by [`handle_datagram`](Self::handle_datagram).
    ///
    /// Call until `None`, before the next datagram. A change that was not taken until a datagram
    /// made another is not reported any more: the order of events is that of the changes.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front().map(Event::StateChanged)
    }

    /// Whether it is connected or trying to be.
    const fn is_active(&self) -> bool {
        self.state.is_active()
    }

    /// Enters a state because of time or a command: it is reported by `poll_event`.
    fn enter(&mut self, state: ClientState) {
        self.state = state;
        // Only a caller that does not drain can fill the queue. The newest state then takes the
        // place of the one before it, so that the last event is always the present.
        if self.events.is_full() {
            self.events.pop_back();
        }
        let _ = self.events.push_back(state);
    }

    /// Enters a state because of a datagram: it is reported at once.
    fn enter_by_datagram(&mut self, state: ClientState) -> Received {
        self.state = state;
        self.events.clear();
        Received::Event(Event::StateChanged(state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_prints_its_state_and_no_secret() {
        let printed = format!("{:?}", Client::new());
        assert!(printed.starts_with("Client { state: Disconnected, server_address: None"));
        assert!(printed.ends_with("dropped: {}, .. }"));
    }
}
