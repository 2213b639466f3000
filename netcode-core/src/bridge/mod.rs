//! Messages between a browser client and a datagram bridge.
//!
//! A browser cannot send UDP. A *bridge* terminates its WebTransport session or WebRTC data channel
//! and forwards each datagram, unopened, to a netcode server and back. This module is not part of
//! the standard, and its messages never reach a server.
//!
//! Every message of a session has one of three kinds, distinguished by the low nibble of its first
//! byte:
//!
//! | low nibble | message |
//! | --- | --- |
//! | 0 to 6 | a netcode datagram, unchanged |
//! | 7 | a fragment of a datagram that is too long for the session: see [`Fragmenter`] |
//! | 8 | bridge to client: the end of the session and its reason: see [`CloseCode`] |
//!
//! The first message of a session is a connection request. The session's path names its server:
//! [`PATH_PREFIX`], then the server's address, as in `/netcode/192.0.2.1:40000` or
//! `/netcode/[2001:db8::1]:40000`. Over WebTransport this is the path of the session's URL. Over
//! WebRTC it is the path that an SDP offer is posted to; the SDP answer is the body of the
//! response, and the client opens the only data channel, [`CHANNEL_LABEL`], unordered and without
//! retransmission.

mod close;
mod fragments;

pub use close::CloseCode;
pub use fragments::{FragmentError, Fragmenter, MAX_FRAGMENT_BYTES, Reassembler};

/// Prefix of the server's address in a session's path.
pub const PATH_PREFIX: &str = "/netcode/";

/// Label of a session's data channel over WebRTC.
pub const CHANNEL_LABEL: &str = "netcode";

/// Kind of a session's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MessageKind {
    /// A netcode datagram, which its receiver validates.
    Datagram,
    /// A fragment: one half of a datagram.
    Fragment,
    /// The bridge's message that ends the session.
    Close,
}

impl MessageKind {
    /// Determines the kind from the first byte. `None` for an empty message and for unassigned
    /// marks: drop those.
    pub const fn of(message: &[u8]) -> Option<Self> {
        match message {
            [first, ..] => match *first & 0x0f {
                0..=6 => Some(Self::Datagram),
                fragments::MARK => Some(Self::Fragment),
                close::MARK => Some(Self::Close),
                _ => None,
            },
            [] => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_netcode_datagram_looks_like_a_message_of_ours() {
        for prefix in 0..=u8::MAX {
            let kind = MessageKind::of(&[prefix]);
            match prefix & 0x0f {
                0..=6 => assert_eq!(kind, Some(MessageKind::Datagram)),
                7 => assert_eq!(kind, Some(MessageKind::Fragment)),
                8 => assert_eq!(kind, Some(MessageKind::Close)),
                _ => assert_eq!(kind, None),
            }
        }
        assert_eq!(MessageKind::of(&[]), None);
    }
}
