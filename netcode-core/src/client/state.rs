//! Client states with the standard's codes. (Standard: *Client State Machine*.)

use core::fmt;

/// State of a client. Negative codes are errors; zero is the initial state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(i8)]
pub enum ClientState {
    /// The attempt took longer than the token's lifetime, over all addresses: get a new token.
    ConnectTokenExpired = -6,
    /// The bytes given to `connect` are not a valid token: see the returned error.
    InvalidConnectToken = -5,
    /// The connection was established, and no packet arrived within the token's timeout.
    ConnectionTimedOut = -4,
    /// The server sent a challenge but no further reply, and no address was left to try.
    ConnectionResponseTimedOut = -3,
    /// No server answered, and no address was left to try.
    ConnectionRequestTimedOut = -2,
    /// The last server tried was full.
    ConnectionDenied = -1,
    /// Not connected: the initial state, and the state after either side has disconnected.
    Disconnected = 0,
    /// Sending connection requests to a server, ten per second.
    SendingConnectionRequest = 1,
    /// Sending challenge responses to the server, ten per second.
    SendingConnectionResponse = 2,
    /// Connected: payloads can be sent and received.
    Connected = 3,
}

impl ClientState {
    /// Code of the state in the standard.
    pub const fn code(self) -> i8 {
        self as i8
    }

    /// Returns `true` while connected or connecting. If not, the session or attempt has ended, or
    /// none has begun.
    pub const fn is_active(self) -> bool {
        self.code() > 0
    }

    /// Returns `true` if the attempt or session failed.
    pub const fn is_error(self) -> bool {
        self.code() < 0
    }

    /// Name of the state in the standard.
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

    /// Stable name for logs, metrics and JSON: the variant's, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectTokenExpired => "connect_token_expired",
            Self::InvalidConnectToken => "invalid_connect_token",
            Self::ConnectionTimedOut => "connection_timed_out",
            Self::ConnectionResponseTimedOut => "connection_response_timed_out",
            Self::ConnectionRequestTimedOut => "connection_request_timed_out",
            Self::ConnectionDenied => "connection_denied",
            Self::Disconnected => "disconnected",
            Self::SendingConnectionRequest => "sending_connection_request",
            Self::SendingConnectionResponse => "sending_connection_response",
            Self::Connected => "connected",
        }
    }
}

impl fmt::Display for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
