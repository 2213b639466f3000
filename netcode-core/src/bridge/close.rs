//! Why a bridge ends a session, in numbers that stay the same.

use core::fmt;

/// Low nibble of the message that ends a session.
pub(super) const MARK: u8 = 8;

const MESSAGE_BYTES: usize = 2;

macro_rules! close_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $text:literal,)*) => {
        /// Why a bridge ends or refuses a session.
        ///
        /// It is a message of its own, [`to_message`](Self::to_message), sent before the session
        /// or the channel closes; over WebTransport it is the session's close code as well. Either
        /// may be lost.
        /// An offer that is refused carries it in the body of the answer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum CloseCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl CloseCode {
            /// Every code, in their order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A sentence's worth of text, without a full stop.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// A stable name for metrics and JSON: the variant's.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The code of this number, if it is known.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

close_codes! {
    /// The first message was no connection request.
    NotARequest = 1 => "the first message is not a connection request",
    /// The first message was a connection request of another version of the protocol.
    Version = 2 => "the connection request is not of netcode 1.02",
    /// The connect token in the first message has expired: get a new one.
    TokenExpired = 3 => "the connect token has expired",
    /// No connection request came in time.
    HandshakeTimedOut = 4 => "no connection request came in time",
    /// Nothing was sent in either direction for too long.
    Idle = 5 => "nothing was sent for too long",
    /// The path names no server that this bridge may reach.
    ServerNotAllowed = 6 => "the bridge may not reach this server",
    /// The page's origin is not on the bridge's list.
    OriginNotAllowed = 7 => "the bridge does not serve pages of this origin",
    /// The bridge holds as many sessions as it may: try again later, or another bridge.
    Full = 8 => "the bridge is full",
    /// This address has as many sessions as one address may have.
    TooManyFromAddress = 9 => "too many sessions from this address",
    /// The bridge is going away: connect again, to another one or after a while.
    Draining = 10 => "the bridge is going away",
    /// The bridge cannot open a socket to the server, or does not find its address.
    Unavailable = 11 => "the bridge cannot reach the server",
}

impl CloseCode {
    /// The number that travels.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The message that ends a session over a data channel.
    pub const fn to_message(self) -> [u8; MESSAGE_BYTES] {
        [MARK, self as u8]
    }

    /// Reads such a message. `None` if it is none, or if its code is of a later version.
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
