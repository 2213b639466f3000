//! What a browser's client and a datagram bridge agree on, besides netcode itself.
//!
//! A browser cannot send UDP. A *bridge* ends its WebTransport session or its WebRTC data channel
//! and carries each datagram, unopened, to a netcode server and back. Nothing of this module is in
//! the standard, and nothing of it reaches a server: the bridge takes it out.
//!
//! Every message of a session is one of three, told apart by the low nibble of its first byte:
//!
//! | low nibble | message |
//! | --- | --- |
//! | 0 to 6 | a netcode datagram, as it is |
//! | 7 | a fragment of a datagram that is too long for the session: see [`Fragmenter`] |
//! | 8 | bridge to client: the session ends, and why: see [`CloseCode`] |
//!
//! The first message of a session is a connection request. The server it goes to is named by the
//! session's path: [`PATH_PREFIX`], then the server's address, as in `/netcode/192.0.2.1:40000` or
//! `/netcode/[2001:db8::1]:40000`. Over WebTransport that is the path of the session's URL. Over
//! WebRTC it is the path that an SDP offer is posted to; the answer comes back as the body, and the
//! one data channel is the client's, [`CHANNEL_LABEL`], unordered and without retransmission.

mod close;
mod fragments;

pub use close::CloseCode;
pub use fragments::{FragmentError, Fragmenter, MAX_FRAGMENT_BYTES, Reassembler};

/// What stands in front of the server's address in a session's path.
pub const PATH_PREFIX: &str = "/netcode/";

/// The label of a session's data channel over WebRTC.
pub const CHANNEL_LABEL: &str = "netcode";

/// Kind of a session's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MessageKind {
    /// A netcode datagram; whether it is a good one is its receiver's business.
    Datagram,
    /// One half of a datagram.
    Fragment,
    /// The bridge ends the session.
    Close,
}

impl MessageKind {
    /// Tells by the first byte. `None` for an empty message and for marks that mean nothing yet:
    /// drop those.
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
