//! Close codes: stable numbers for the reasons for which a bridge ends a session.

use core::fmt;

/// Low nibble of the message that ends a session.
pub(super) const MARK: u8 = 8;

const MESSAGE_BYTES: usize = 2;

macro_rules! close_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal => $text:literal,)*) => {
        /// Reason for which a bridge ends or refuses a session.
        ///
        /// The code is sent as a message, [`to_message`](Self::to_message), before the session or
        /// the channel closes; over WebTransport it is also the session's close code. Either may be
        /// lost. The response to a refused SDP offer carries it in its body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum CloseCode {
            $($(#[$doc])* $variant = $code,)*
        }

        impl CloseCode {
            /// All codes, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Short description, without a full stop.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Stable name for metrics and JSON, in snake case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Code with this number, if known.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

close_codes! {
    /// The first message was not a connection request.
    NotARequest = 1, "not_a_request" => "the first message is not a connection request",
    /// The first message was a connection request of another version of the protocol.
    Version = 2, "version" => "the connection request is not of netcode 1.02",
    /// The connect token in the first message has expired: get a new one.
    TokenExpired = 3, "token_expired" => "the connect token has expired",
    /// No connection request came in time.
    HandshakeTimedOut = 4, "handshake_timed_out" => "no connection request came in time",
    /// Nothing was sent in either direction for too long.
    Idle = 5, "idle" => "nothing was sent for too long",
    /// The path does not name a server that this bridge may reach.
    ServerNotAllowed = 6, "server_not_allowed" => "the bridge may not reach this server",
    /// The page's origin is not on the bridge's list of allowed origins.
    OriginNotAllowed = 7, "origin_not_allowed" => "the bridge does not serve pages of this origin",
    /// The bridge has reached its limit of sessions: try again later, or another bridge.
    Full = 8, "full" => "the bridge is full",
    /// The client's address has reached its limit of sessions.
    TooManyFromAddress = 9, "too_many_from_address" => "too many sessions from this address",
    /// The bridge is shutting down: connect again, to another bridge or later.
    Draining = 10, "draining" => "the bridge is going away",
    /// The bridge cannot open a socket to the server, or cannot resolve its address.
    Unavailable = 11, "unavailable" => "the bridge cannot reach the server",
}

impl CloseCode {
    /// Number on the wire.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Message that ends a session over a data channel.
    pub const fn to_message(self) -> [u8; MESSAGE_BYTES] {
        [MARK, self as u8]
    }

    /// Parses such a message. `None` for other messages and for codes of a later version.
    pub fn from_message(message: &[u8]) -> Option<Self> {
        match message {
            [MARK, code] => Self::from_number(u32::from(*code)),
            _ => None,
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_its_number_and_its_message() {
        for &code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            assert_eq!(CloseCode::from_message(&code.to_message()), Some(code));
        }
    }

    #[test]
    fn other_messages_are_no_close() {
        assert_eq!(CloseCode::from_message(&[]), None);
        assert_eq!(CloseCode::from_message(&[MARK]), None);
        assert_eq!(CloseCode::from_message(&[MARK, 0]), None);
        assert_eq!(CloseCode::from_message(&[MARK, 1, 0]), None);
        assert_eq!(CloseCode::from_message(&[0x18, 1]), None);
    }
}
