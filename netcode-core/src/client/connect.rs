//! Connection attempts: one token, whose addresses are tried in order.

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

/// An attempt to connect, or the session that came of it: what a client keeps of its token.
pub(super) struct Attempt {
    pub(super) protocol_id: ProtocolId,
    pub(super) expires: UnixTime,
    pub(super) nonce: TokenNonce,
    pub(super) private: [u8; PRIVATE_TOKEN_BYTES],
    pub(super) timeout: Timeout,
    pub(super) keys: SessionKeys,
    addresses: AddressList,
    position: u8,
    /// When the whole attempt ends: it lasts as long as the token was minted for.
    pub(super) ends: Local,
}

impl Attempt {
    pub(super) const NONE: Self = Self {
        protocol_id: ProtocolId(0),
        expires: UnixTime::from_secs(0),
        nonce: TokenNonce([0; 24]),
        private: [0; PRIVATE_TOKEN_BYTES],
        timeout: Timeout::NEVER,
        keys: SessionKeys::EMPTY,
        addresses: AddressList::EMPTY,
        position: 0,
        ends: Local::ZERO,
    };

    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.addresses.get(usize::from(self.position))
    }

    /// Forgets everything that could open or seal. The nonce stays: it is public, and tells
    /// whether the next token is a spent one.
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

/// Tokens that have opened a session of this client, the latest eight, by four of the random bytes
/// that no two tokens share: a new token is taken for a spent one once in five hundred million.
pub(super) struct SpentTokens(Vec<[u8; 4], 8, u8>);

impl SpentTokens {
    pub(super) const NONE: Self = Self(Vec::new());

    fn name(nonce: &TokenNonce) -> [u8; 4] {
        nonce.0.first_chunk().copied().unwrap_or_default()
    }

    /// Remembers a token, in place of the oldest if there is no more room.
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

/// Reason for which a client does not begin to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConnectError {
    /// The bytes are no usable token. The client is in
    /// [`ClientState::InvalidConnectToken`].
    Token(TokenError),
    /// It is connected or connecting: [`disconnect`](Client::disconnect) first. Nothing changed.
    Active,
    /// The token opened one of the client's last sessions, and opens no other: get a new one.
    /// Nothing changed.
    Spent,
    /// The token has expired by the date that the client was told: get a new one. Nothing changed.
    Expired,
    /// The token was not made after the newest that was accepted, see
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
    /// Begins to connect with a token: a [`ConnectToken`](crate::token::ConnectToken) or its 2048
    /// bytes, which may be dropped afterwards.
    ///
    /// Requests come from [`poll_transmit`](Self::poll_transmit). Disconnect packets that a
    /// session before this one still owed are not sent any more. An attempt that failed may be
    /// repeated with its token while that lives. A token that has opened a session may not: no
    /// server would let it in, and whoever recorded the session could play it to this client. The
    /// latest eight such tokens are remembered, by this `Client`: a program that restarts, or a
    /// device that was switched off, has forgotten them. Where others can hand it tokens, see
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

    /// Checks that the token can be one that was not used before.
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

    /// From now on takes only tokens that were made later than `newest`, and later than any it
    /// takes: each only once, for as long as [`newest_token`](Self::newest_token) is kept.
    ///
    /// A device that keeps it over a power cut gives it back here at its start, zero at its first,
    /// and stores it anew after each [`connect`](Self::connect), *before* what that makes due is
    /// sent. Two tokens of one second count as one, so a backend waits a second between two for one
    /// device.
    pub fn accept_only_newer_than(&mut self, newest: UnixTime) {
        self.newest_token = Some(newest);
    }

    /// When the newest token was made that this client has taken; `None` unless
    /// [`accept_only_newer_than`](Self::accept_only_newer_than) was called.
    pub fn newest_token(&self) -> Option<UnixTime> {
        self.newest_token
    }

    /// Tells the date at `now`, for a client that knows it: tokens that have expired are refused
    /// from then on. Between calls the client counts on by itself; an earlier date is taken as
    /// standing still.
    ///
    /// The standard does without, so that a player whose clock is wrong can play. A device that
    /// takes tokens from others and has a clock it can trust should tell it.
    pub fn set_unix_time(&mut self, now: Instant, unix: UnixTime) {
        let local = self.clock.advance(now);
        self.calendar.set(local, unix);
    }

    /// Begins with the current address; returns the state to enter.
    fn try_server(&mut self, now: Local) -> ClientState {
        self.replay = ReplayWindow::EMPTY;
        self.challenge = [0; CHALLENGE_TOKEN_BYTES];
        self.first_sent = None;
        self.send_due = Local::ZERO;
        self.last_received = now;
        ClientState::SendingConnectionRequest
    }

    /// Gives up on the current address; returns the state to enter: at the next address, or the
    /// end that `failure` names.
    pub(super) fn try_next_server(&mut self, now: Local, failure: ClientState) -> ClientState {
        self.attempt.position = self.attempt.position.saturating_add(1);
        if self.attempt.server().is_some() {
            self.try_server(now)
        } else {
            self.forget();
            failure
        }
    }

    /// Gives up the server that is being tried, because the shell knows that it cannot be reached:
    /// on to the next address, as when its silence lasted for the timeout.
    ///
    /// Nothing happens unless the client is connecting.
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

    /// Wipes the session or attempt: nothing more is sent for it.
    pub(super) fn forget(&mut self) {
        self.disconnects_left = 0;
        self.attempt.wipe();
    }

    /// Ends the connection or the attempt. The ten disconnect packets come from
    /// [`poll_transmit`](Self::poll_transmit). Nothing happens if there is neither.
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
