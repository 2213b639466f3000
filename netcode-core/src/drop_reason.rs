//! Reasons for which datagrams are dropped: one variant for each rule that can reject a datagram.

use core::fmt;

macro_rules! dropped {
    ($($(#[$doc:meta])* $variant:ident $name:literal => $text:literal,)*) => {
        /// Reason for which a datagram was dropped. Not an error of the caller, which continues.
        /// Both roles count drops by reason: see [`DropCounts`].
        ///
        /// The datagram's buffer then holds nothing useful and nothing secret.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
        #[non_exhaustive]
        pub enum Dropped {
            $($(#[$doc])* $variant,)*
        }

        impl Dropped {
            /// Every reason, in the order of the checks.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Short description, without a full stop.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Stable name for logs, metrics and JSON: the variant's, in snake case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

dropped! {
    /// The server is stopped, or the client is neither connected nor connecting.
    Inactive "inactive" => "not running",
    /// At a client: the sender is not its server. At a server: an encrypted packet from an address
    /// with neither a slot nor a half-open connection.
    UnknownSender "unknown_sender" => "sender is unknown",
    /// The same from an address whose session ended in the last five seconds, while the slot has no
    /// other client yet: the remaining nine disconnect packets of a client that left, or packets
    /// that were in transit when the server ended the session. Normal in operation.
    SessionEnded "session_ended" => "the sender's session has ended",
    /// The datagram is empty, or shorter than the 18 bytes of the smallest encrypted packet.
    TooShort "too_short" => "too short",
    /// The packet type is 7 or above, or not accepted by this role.
    Type "type" => "packet type not accepted",
    /// The number of sequence bytes is not 1 to 8.
    SequenceLength "sequence_length" => "sequence length not in 1..=8",
    /// The length of the body does not match the packet type.
    BodyLength "body_length" => "body length does not fit the type",
    /// The sequence was already received, or is more than 255 behind the newest.
    Replayed "replayed" => "already received or too old",
    /// Not sealed under the expected key, or modified in transit.
    Unauthentic "unauthentic" => "not authentic",
    /// The packet type is not expected in this state: for instance a payload before the connection
    /// is established.
    State "state" => "not expected in this state",
    /// A connection request that is not 1078 bytes.
    RequestLength "request_length" => "connection request is not 1078 bytes",
    /// A connection request of another version of the protocol.
    Version "version" => "connection request has another version",
    /// A connection request for another protocol id.
    ProtocolId "protocol_id" => "connection request has another protocol id",
    /// The connect token has expired.
    TokenExpired "token_expired" => "connect token has expired",
    /// The token's lifetime exceeds the configured maximum token lifetime.
    TokenLifetime "token_lifetime" => "connect token lives longer than allowed",
    /// The token may have been used before this server started (see
    /// [`RestartRule`](crate::server::RestartRule)).
    TokenBeforeStart "token_before_start" => "connect token may be older than this server",
    /// A client is already connected from this address.
    AddressConnected "address_connected" => "a client is connected from this address",
    /// The token has already established a session, and is never accepted again.
    TokenConsumed "token_consumed" => "connect token was used",
    /// The token is in use from another address.
    TokenElsewhere "token_elsewhere" => "connect token is in use from another address",
    /// The sender's host holds its largest share of the half-open connections or of the token
    /// history: see [`ServerConfig::per_host`](crate::server::ServerConfig::per_host).
    HostLimit "host_limit" => "too many handshakes or tokens of one host",
    /// The decryption budget for senders without a session is exhausted: see
    /// [`ServerConfig::opens_per_second`](crate::server::ServerConfig::opens_per_second).
    OverBudget "over_budget" => "decryption budget is exhausted",
    /// The token's private part was sealed neither under the server's key nor under its
    /// [previous one](crate::server::ServerConfig::previous_key).
    TokenUnauthentic "token_unauthentic" => "connect token is not authentic",
    /// The token's private part is authentic but malformed: an error of the backend.
    TokenMalformed "token_malformed" => "connect token is malformed",
    /// None of the server's addresses is in the token.
    NotOurAddress "not_our_address" => "connect token names other servers",
    /// A client with this id is already connected.
    IdConnected "id_connected" => "a client with this id is connected",
    /// The client id holds its largest share of the half-open connections or of the token history:
    /// see [`ServerConfig::per_id`](crate::server::ServerConfig::per_id).
    IdLimit "id_limit" => "too many handshakes or tokens of one client id",
    /// Every entry of the token history holds a token that has not expired, and none may be
    /// evicted.
    HistoryFull "history_full" => "token history is full",
    /// No entry is free for another half-open connection, in total or from this address.
    HalfOpenFull "half_open_full" => "too many half-open connections",
    /// The challenge token of a response was not sealed by this server.
    ChallengeUnauthentic "challenge_unauthentic" => "challenge token is not authentic",
    /// The challenge token of a response belongs to another connect token, or to an earlier
    /// handshake with the same one.
    ChallengeMismatch "challenge_mismatch" => "challenge token belongs to another handshake",
    /// The last free slot still has disconnect packets or events of its former client to deliver.
    /// The client repeats its response 100 ms later; a *denied* packet would end its attempt.
    SlotDraining "slot_draining" => "the free slot is still draining",
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Dropped {}

/// Number of dropped datagrams by reason. Counters saturate at `u32::MAX`.
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

    /// Number of datagrams dropped for `reason`.
    pub fn get(&self, reason: Dropped) -> u32 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Every reason with its count, including zeros.
    pub fn iter(&self) -> impl Iterator<Item = (Dropped, u32)> + '_ {
        Dropped::ALL
            .iter()
            .map(|&reason| (reason, self.get(reason)))
    }

    /// Number of datagrams dropped for any reason.
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, &count| sum.saturating_add(u64::from(count)))
    }
}

/// Shows the reasons that occurred, by name.
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
    fn names_are_those_of_the_variants_in_snake_case() {
        for reason in Dropped::ALL {
            let words = reason.name().split('_').map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_ascii_uppercase() + rest
            });
            let variant: std::string::String = words.collect();
            assert_eq!(variant, format!("{reason:?}"));
        }
    }

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
