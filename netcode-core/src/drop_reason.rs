//! Why a datagram was dropped: one variant for each rule that can refuse one.

use core::fmt;

macro_rules! dropped {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// Reason for which a datagram was dropped. Not an error of the caller, who goes on. Both roles count each reason; see [`DropCounts`].
        ///
        /// After a drop the datagram's buffer holds nothing of use, and nothing secret.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Dropped {
            $($(#[$doc])* $name,)*
        }

        impl Dropped {
            /// Every reason, in the order of the checks.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// A short text, without a full stop.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// A stable name for metrics and JSON: the variant's.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

dropped! {
    /// The server is stopped, or the client has no connection and seeks none.
    Inactive => "not running",
    /// To a client: not from the server it talks to. To a server: a sealed packet from an address
    /// with neither a slot nor a half-open connection.
    UnknownSender => "sender is unknown",
    /// Empty, or below the 18 bytes of the smallest sealed packet.
    TooShort => "too short",
    /// The type is 7 or above, or one this role does not accept from this sender.
    Type => "packet type not accepted",
    /// The number of sequence bytes is not 1 to 8.
    SequenceLength => "sequence length not in 1..=8",
    /// The body does not have the length its type asks for.
    BodyLength => "body length does not fit the type",
    /// The sequence was received before, or is more than 255 behind the newest.
    Replayed => "already received, or too old to tell",
    /// Sealed under another key, or changed on its way.
    Unauthentic => "not authentic",
    /// The type is good but means nothing in this state: a payload before the connection stands.
    State => "not expected in this state",
    /// A connection request that is not 1078 bytes.
    RequestLength => "connection request is not 1078 bytes",
    /// A connection request of another version of the protocol.
    Version => "connection request has another version",
    /// A connection request for another protocol id.
    ProtocolId => "connection request has another protocol id",
    /// The connect token has expired.
    TokenExpired => "connect token has expired",
    /// The token lives longer than the server's configured maximum token lifetime allows.
    TokenLifetime => "connect token lives longer than allowed",
    /// The token may have been used before this server started (restart rule).
    TokenBeforeStart => "connect token may be older than this server",
    /// A client is connected from this address already.
    AddressConnected => "a client is connected from this address",
    /// The token's session has begun: it never admits anybody again.
    TokenConsumed => "connect token was used",
    /// The token is being used from another address.
    TokenElsewhere => "connect token is in use from another address",
    /// The sender's host holds as much of the server's room for handshakes or tokens as one host
    /// may: see [`ServerConfig::per_host`](crate::server::ServerConfig::per_host).
    HostLimit => "too many handshakes or tokens of one host",
    /// The budget for opening what strangers send is spent for now: see
    /// [`ServerConfig::opens_per_second`](crate::server::ServerConfig::opens_per_second).
    OverBudget => "budget for opening packets of strangers is spent",
    /// The private part does not open under the server's key.
    TokenUnauthentic => "connect token is not authentic",
    /// The private part opens but cannot be read: a backend's mistake.
    TokenMalformed => "connect token is malformed",
    /// None of the server's addresses is in the token.
    NotOurAddress => "connect token names other servers",
    /// A client with this id is connected already.
    IdConnected => "a client with this id is connected",
    /// The client id holds as much of the server's room for handshakes or tokens as one id may: see
    /// [`ServerConfig::per_id`](crate::server::ServerConfig::per_id).
    IdLimit => "too many handshakes or tokens of one client id",
    /// Every entry of the token history holds a live token; none may be forgotten.
    HistoryFull => "token history is full",
    /// No room for another half-open connection, in total or from this address.
    HalfOpenFull => "too many half-open connections",
    /// The challenge token in a response is not one of this server's.
    ChallengeUnauthentic => "challenge token is not authentic",
    /// The challenge token in a response was made for another connect token, or for an earlier
    /// handshake with the same one.
    ChallengeMismatch => "challenge token belongs to another handshake",
    /// The last free slot is still telling its former client or the server's owner that the
    /// session is over. The client asks again 100 ms later; *denied* would send it away for good.
    SlotDraining => "the free slot is still draining",
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Dropped {}

/// Datagrams dropped, counted by reason. Counters stop at `u32::MAX`.
#[derive(Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DropCounts([u32; Dropped::ALL.len()]);

impl DropCounts {
    pub(crate) const ZERO: Self = Self([0; Dropped::ALL.len()]);

    pub(crate) fn count(&mut self, reason: Dropped) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter = counter.saturating_add(1);
        }
    }

    /// Datagrams dropped for `reason`.
    pub fn get(&self, reason: Dropped) -> u32 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Every reason with its count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (Dropped, u32)> + '_ {
        Dropped::ALL
            .iter()
            .map(|&reason| (reason, self.get(reason)))
    }

    /// Datagrams dropped for any reason.
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, &count| sum.saturating_add(u64::from(count)))
    }
}

/// The reasons that have occurred, by name.
impl fmt::Debug for DropCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let occurred = self.iter().filter(|&(_, count)| count > 0);
        f.debug_map().entries(occurred).finish()
    }
}

impl Default for DropCounts {
    fn default() -> Self {
        Self::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_printed_by_name_and_without_zeros() {
        let mut counts = DropCounts::ZERO;
        assert_eq!(format!("{counts:?}"), "{}");
        counts.count(Dropped::Replayed);
        counts.count(Dropped::Replayed);
        counts.count(Dropped::TooShort);
        assert_eq!(format!("{counts:?}"), "{TooShort: 1, Replayed: 2}");
    }
}
