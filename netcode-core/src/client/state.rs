//! The states of a client, with the standard's numbers. (Standard: *Client State Machine*.)

use core::fmt;

/// State of a client. Negative states are ends, zero is the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(i8)]
pub enum ClientState {
    /// The attempt lasted as long as the token was made for, over all addresses: get a new token.
    ConnectTokenExpired = -6,
    /// The bytes given to `connect` are no usable token: see the error it returned.
    InvalidConnectToken = -5,
    /// Connected, and then nothing came for the token's timeout.
    ConnectionTimedOut = -4,
    /// A server sent a challenge and then nothing; no address was left to try.
    ConnectionResponseTimedOut = -3,
    /// No server answered, and no address was left to try.
    ConnectionRequestTimedOut = -2,
    /// The last server tried is full.
    ConnectionDenied = -1,
    /// Not connected; also the end of a session that either side ended.
    Disconnected = 0,
    /// Showing the token to a server, ten times a second.
    SendingConnectionRequest = 1,
    /// Answering its challenge, ten times a second.
    SendingConnectionResponse = 2,
    /// Payloads go both ways.
    Connected = 3,
}

impl ClientState {
    /// The standard's number.
    pub const fn code(self) -> i8 {
        self as i8
    }

    /// Whether it is connected or trying to be. If not, the session or attempt is over, or none
    /// was begun.
    pub const fn is_active(self) -> bool {
        self.code() > 0
    }

    /// Whether the attempt or session failed.
    pub const fn is_error(self) -> bool {
        self.code() < 0
    }

    /// The standard's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectTokenExpired => "connect token expired",
            Self::InvalidConnectToken => "invalid connect token",
            Self::ConnectionTimedOut => "connection timed out",
            Self::ConnectionResponseTimedOut => "connection response timed out",
            Self::ConnectionRequestTimedOut => "connection request timed out",
            Self::ConnectionDenied => "connection denied",
            Self::Disconnected => "disconnected",
            Self::SendingConnectionRequest => "sending connection request",
            Self::SendingConnectionResponse => "sending connection response",
            Self::Connected => "connected",
        }
    }
}

impl fmt::Display for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
