//! Connection attempts: one token, whose server addresses are tried in order.

use core::fmt;
use core::net::SocketAddr;

use heapless::Vec;
use zeroize::Zeroize;

use super::Client;
use super::state::ClientState;
use crate::address::AddressList;
use crate::crypto::{Crypto, SessionKeys};
use crate::identity::{ProtocolId, Timeout, TokenNonce};
use crate::replay::ReplayWindow;
use crate::standard::{CHALLENGE_TOKEN_BYTES, PRIVATE_TOKEN_BYTES, REDUNDANT_DISCONNECTS};
use crate::stats::{RoundTrip, Traffic};
use crate::time::{Instant, Local, UnixTime};
use crate::token::{PublicToken, TokenError};

/// Connection attempt, or the session that it established: the parts of the token that the client
/// keeps.
pub(super) struct Attempt {
    pub(super) protocol_id: ProtocolId,
    pub(super) expires: UnixTime,
    pub(super) nonce: TokenNonce,
    pub(super) private: [u8; PRIVATE_TOKEN_BYTES],
    pub(super) timeout: Timeout,
    pub(super) keys: SessionKeys,
    addresses: AddressList,
    position: u8,
    /// End of the whole attempt, which lasts for the lifetime of the token.
    pub(super) ends: Local,
}

impl Attempt {
    /// No attempt: all zeros, as zero is no timeout.
    pub(super) const NONE: Self = Self {
        protocol_id: ProtocolId(0),
        expires: UnixTime::from_secs(0),
        nonce: TokenNonce([0; 24]),
        private: [0; PRIVATE_TOKEN_BYTES],
        timeout: Timeout::from_secs(0),
        keys: SessionKeys::EMPTY,
        addresses: AddressList::EMPTY,
        position: 0,
        ends: Local::ZERO,
    };

    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.addresses.get(usize::from(self.position))
    }

    /// Wipes the keys and the private part. The nonce stays: it is public, and identifies the
    /// token.
    pub(super) fn wipe(&mut self) {
        self.private.zeroize();
        self.keys.zeroize();
    }

    fn read(&mut self, token: &PublicToken<'_>, now: Local) {
        let lifetime = token
            .expires
            .as_secs()
            .saturating_sub(token.created.as_secs());
        self.protocol_id = token.protocol_id;
        self.expires = token.expires;
        self.nonce = token.nonce;
        self.private = *token.private;
        self.timeout = token.timeout;
        self.keys = token.keys.clone();
        self.addresses = token.addresses.to_list();
        self.position = 0;
        self.ends = now.after(lifetime.saturating_mul(1_000_000));
    }
}

/// The latest eight tokens that established a session of this client, each identified by four
/// random bytes of its nonce: an unused token is mistaken for one of them with a probability of one
/// in five hundred million.
pub(super) struct SpentTokens(Vec<[u8; 4], 8, u8>);

impl SpentTokens {
    pub(super) const NONE: Self = Self(Vec::new());

    fn name(nonce: &TokenNonce) -> [u8; 4] {
        nonce.0.first_chunk().copied().unwrap_or_default()
    }

    /// Records a token, in place of the oldest if full.
    pub(super) fn push(&mut self, nonce: &TokenNonce) {
        if self.0.is_full() {
            self.0.rotate_left(1);
            self.0.pop();
        }
        let _ = self.0.push(Self::name(nonce));
    }

    fn contains(&self, nonce: &TokenNonce) -> bool {
        self.0.contains(&Self::name(nonce))
    }
}

/// Reason for which a client does not start a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnectError {
    /// The bytes are not a valid token. The client enters [`ClientState::InvalidConnectToken`].
    Token(TokenError),
    /// The client is connected or connecting: call [`disconnect`](Client::disconnect) first.
    /// Nothing changed.
    Active,
    /// The token established one of the client's latest sessions, and cannot establish another: get
    /// a new one. Nothing changed.
    Spent,
    /// The token has expired by the calendar set with [`Client::set_unix_time`]: get a new one.
    /// Nothing changed.
    Expired,
    /// The token was not created after the newest accepted one, see
    /// [`Client::accept_only_newer_than`]: get a new one. Nothing changed.
    NotNewer,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "invalid connect token",
            Self::Active => "the client is active; disconnect it first",
            Self::Spent => "the connect token was used; get a new one",
            Self::Expired => "the connect token has expired; get a new one",
            Self::NotNewer => "the connect token is not newer than the last; get a new one",
        })
    }
}

impl core::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            _ => None,
        }
    }
}

impl<C: Crypto> Client<C> {
    /// Starts to connect with a token: a [`ConnectToken`](crate::token::ConnectToken) or its 2048
    /// bytes, which are not needed afterwards.
    ///
    /// Requests come from [`poll_transmit`](Self::poll_transmit). Pending disconnect packets of the
    /// previous session are not sent any more. A failed attempt may be repeated with its token
    /// until the token expires. A token that has established a session is rejected: no server would
    /// accept it, and an attacker that recorded the session could replay it to this client. This
    /// `Client` keeps the latest eight such tokens; they are lost when the program or the device
    /// restarts. A client that receives tokens from untrusted sources should use
    /// [`accept_only_newer_than`](Self::accept_only_newer_than).
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(&mut self, now: Instant, token: &[u8]) -> Result<(), ConnectError> {
        let local = self.clock.advance(now);
        if self.is_active() {
            return Err(ConnectError::Active);
        }
        let token = match PublicToken::parse(token) {
            Ok(token) => token,
            Err(error) => {
                self.enter(ClientState::InvalidConnectToken);
                return Err(ConnectError::Token(error));
            }
        };
        self.check_fresh(&token, local)?;
        self.attempt.read(&token, local);
        self.newest_token = self.newest_token.map(|newest| newest.max(token.created));
        self.traffic = Traffic::ZERO;
        self.round_trip = RoundTrip::UNKNOWN;
        self.datagrams_out = 0;
        self.disconnects_left = 0;
        let state = self.try_server(local);
        self.enter(state);
        Ok(())
    }

    /// Checks that the token was not used before, as far as the client can know.
    fn check_fresh(&self, token: &PublicToken<'_>, now: Local) -> Result<(), ConnectError> {
        if self.spent.contains(&token.nonce) {
            return Err(ConnectError::Spent);
        }
        if self.calendar.is_past(token.expires, now) {
            return Err(ConnectError::Expired);
        }
        let tried_before = token.nonce == self.attempt.nonce;
        match self.newest_token {
            Some(newest) if token.created <= newest && !tried_before => Err(ConnectError::NotNewer),
            _ => Ok(()),
        }
    }

    /// From now on accepts only tokens created later than `newest` and later than any token
    /// accepted before: each only once, for as long as [`newest_token`](Self::newest_token) is
    /// kept.
    ///
    /// A device that keeps this time over a power cut passes it here at its start, zero at its
    /// first, and stores it again after each [`connect`](Self::connect), *before* it sends the
    /// resulting packets. Creation times are whole seconds: of two tokens of one second only the
    /// first is accepted, so a backend waits a second between two tokens for one device.
    pub fn accept_only_newer_than(&mut self, newest: UnixTime) {
        self.newest_token = Some(newest);
    }

    /// Creation time of the newest token that this client has accepted; `None` unless
    /// [`accept_only_newer_than`](Self::accept_only_newer_than) was called.
    pub fn newest_token(&self) -> Option<UnixTime> {
        self.newest_token
    }

    /// Sets the calendar time at `now`, for a client that knows it: expired tokens are rejected
    /// from then on. The client advances it between calls; an earlier time does not set it back.
    ///
    /// The standard does not require it, so that a client with a wrong clock can connect. A device
    /// that receives tokens from untrusted sources and has a trusted clock should set it.
    pub fn set_unix_time(&mut self, now: Instant, unix: UnixTime) {
        let local = self.clock.advance(now);
        self.calendar.set(local, unix);
    }

    /// Starts an attempt at the current address; returns the state to enter.
    fn try_server(&mut self, now: Local) -> ClientState {
        self.replay = ReplayWindow::EMPTY;
        self.challenge = [0; CHALLENGE_TOKEN_BYTES];
        self.first_sent = None;
        self.send_due = Local::ZERO;
        self.last_received = now;
        ClientState::SendingConnectionRequest
    }

    /// Gives up the current address; returns the state to enter: that of an attempt at the next
    /// address, or `failure` if none is left.
    pub(super) fn try_next_server(&mut self, now: Local, failure: ClientState) -> ClientState {
        self.attempt.position = self.attempt.position.saturating_add(1);
        if self.attempt.server().is_some() {
            self.try_server(now)
        } else {
            self.forget();
            failure
        }
    }

    /// Gives up the server that is being tried, because the shell knows that it cannot be reached.
    /// The client tries the next address, as after a timeout.
    ///
    /// Has no effect unless the client is connecting.
    pub fn skip_server(&mut self, now: Instant) {
        let local = self.clock.advance(now);
        let failure = match self.state {
            ClientState::SendingConnectionRequest => ClientState::ConnectionRequestTimedOut,
            ClientState::SendingConnectionResponse => ClientState::ConnectionResponseTimedOut,
            _ => return,
        };
        let state = self.try_next_server(local, failure);
        self.enter(state);
    }

    /// Wipes the session or attempt: no packet is sent for it any more.
    pub(super) fn forget(&mut self) {
        self.disconnects_left = 0;
        self.attempt.wipe();
    }

    /// Ends the connection or the attempt. The ten disconnect packets come from
    /// [`poll_transmit`](Self::poll_transmit). Has no effect if there is neither.
    pub fn disconnect(&mut self, now: Instant) {
        self.clock.advance(now);
        if !self.is_active() {
            return;
        }
        self.attempt.private.zeroize();
        self.disconnects_left = REDUNDANT_DISCONNECTS;
        self.enter(ClientState::Disconnected);
    }
}
