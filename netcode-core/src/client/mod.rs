//! Client: one connect token and one connection at a time, without I/O.
//!
//! A shell passes every datagram to [`Client::handle_datagram`], then drains
//! [`Client::poll_transmit`] and [`Client::poll_event`], and calls again when the next datagram
//! arrives or at [`Client::next_deadline`]: *mutate, then drain*.
//!
//! | module | contents |
//! | --- | --- |
//! | `state` | states of the standard's client state machine |
//! | `event` | events, and the result of processing a datagram |
//! | `connect` | connection attempts: the token and its server addresses |
//! | `receive` | processing of datagrams |
//! | `transmit` | sending of payloads, datagrams that are due, timeouts |

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

/// A netcode client. `C` is the crypto implementation.
///
/// About two kilobytes, mostly the token's private part and its addresses: keep it in a `static` or
/// on the heap where the stack is small. A new one is all zeros, so that in a `static` it takes
/// neither stack nor flash. Keys are wiped as soon as they are not needed.
pub struct Client<C = RustCrypto> {
    crypto: C,
    clock: Clock,
    state: ClientState,
    events: Events,
    attempt: Attempt,
    spent: SpentTokens,
    newest_token: Option<UnixTime>,
    calendar: Calendar,
    /// Sequence of the next packet. It never decreases, so that no nonce repeats when a token is
    /// used again, at another address or after another token.
    sequence: u64,
    replay: ReplayWindow,
    challenge_sequence: Sequence,
    challenge: [u8; CHALLENGE_TOKEN_BYTES],
    /// Time at which the state's first packet was sent, until its reply arrives.
    first_sent: Option<Local>,
    /// Time at which the next request, response or keep-alive is due.
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

// The token and the keys are not printed.
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
    /// Creates a disconnected client with the default crypto.
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
    /// Creates a disconnected client that uses `crypto`.
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

    /// Index of the client's slot, while connected.
    pub fn client_index(&self) -> Option<ClientIndex> {
        (self.state == ClientState::Connected).then_some(self.client_index)
    }

    /// Number of the server's slots, while connected.
    pub fn max_clients(&self) -> Option<u32> {
        (self.state == ClientState::Connected).then_some(self.max_clients)
    }

    /// Address of the server that the client is connected or connecting to.
    pub fn server_address(&self) -> Option<SocketAddr> {
        self.is_active().then(|| self.attempt.server()).flatten()
    }

    /// Counters of the connection since [`connect`](Self::connect).
    pub fn stats(&self) -> ConnectionStats {
        self.traffic.to_stats(self.datagrams_out, self.round_trip)
    }

    /// Datagrams dropped since the client was created, by reason.
    pub const fn dropped(&self) -> &DropCounts {
        &self.dropped
    }

    /// Next change of state caused by time or a command; those caused by a datagram are returned by
    /// [`handle_datagram`](Self::handle_datagram).
    ///
    /// Call it until it returns `None`, before the next datagram is processed. A change still
    /// queued when a datagram changes the state is discarded, so that events are reported in the
    /// order of the changes.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front().map(Event::StateChanged)
    }

    /// Returns `true` while the client is connected or connecting.
    const fn is_active(&self) -> bool {
        self.state.is_active()
    }

    /// Enters a state because of time or a command; `poll_event` reports it.
    fn enter(&mut self, state: ClientState) {
        self.state = state;
        // Only a caller that does not drain can fill the queue. The new state then replaces the
        // newest one, so that the last event is always the current state.
        if self.events.is_full() {
            self.events.pop_back();
        }
        let _ = self.events.push_back(state);
    }

    /// Enters a state because of a datagram, whose result reports it.
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
