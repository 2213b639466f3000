//! Limits of a bridge on unauthenticated peers, by name.

use std::fmt;

use netcode_core::bridge::CloseCode;

use super::admission::Exhausted;

macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident, $name:literal => $text:literal,)*) => {
        /// Limit that caused a refusal, or the end of a connection.
        ///
        /// Counted in [`BridgeStats::limited`](super::BridgeStats::limited) and, for Prometheus, in
        /// `netcode_bridge_limited_total`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Limit {
            $($(#[$doc])* $variant,)*
        }

        impl Limit {
            /// Every limit.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            /// Text for a message, without a full stop.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Stable name for metrics, logs and JSON, in snake case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

limits! {
    /// [`Limits::sessions`](super::Limits::sessions).
    Sessions, "sessions" => "too many sessions",
    /// [`Limits::sessions_per_address`](super::Limits::sessions_per_address).
    SessionsPerAddress, "sessions_per_address" => "too many sessions from this address",
    /// [`Limits::offers`](super::Limits::offers).
    Offers, "offers" => "too many offers without a data channel",
    /// [`Limits::offers_per_address`](super::Limits::offers_per_address).
    OffersPerAddress, "offers_per_address" =>
        "too many offers without a data channel from this address",
    /// [`Limits::offer_timeout`](super::Limits::offer_timeout).
    OfferTimeout, "offer_timeout" => "no data channel in time",
    /// [`Limits::quic_handshakes`](super::Limits::quic_handshakes).
    QuicHandshakes, "quic_handshakes" => "too many QUIC handshakes",
    /// [`Limits::quic_handshakes_per_address`](super::Limits::quic_handshakes_per_address).
    QuicHandshakesPerAddress, "quic_handshakes_per_address" =>
        "too many QUIC handshakes from this address",
    /// [`Limits::quic_handshake_timeout`](super::Limits::quic_handshake_timeout).
    QuicHandshakeTimeout, "quic_handshake_timeout" => "no WebTransport session in time",
    /// [`Limits::connections`](super::Limits::connections).
    Connections, "connections" => "too many TCP connections",
    /// [`Limits::connections_per_address`](super::Limits::connections_per_address).
    ConnectionsPerAddress, "connections_per_address" =>
        "too many TCP connections from this address",
    /// [`Limits::request_timeout`](super::Limits::request_timeout).
    RequestTimeout, "request_timeout" => "an HTTP request took too long",
    /// [`Limits::arrivals_per_second`](super::Limits::arrivals_per_second).
    Arrivals, "arrivals" => "too many new connections a second",
    /// [`Limits::arrivals_per_second_per_address`](super::Limits::arrivals_per_second_per_address).
    ArrivalsPerAddress, "arrivals_per_address" =>
        "too many new connections a second from this address",
    /// [`MAX_ORIGIN_BYTES`](super::MAX_ORIGIN_BYTES).
    OriginBytes, "origin_bytes" => "the page's origin is too long",
    /// [`MAX_PEER_ADDRESSES`](super::MAX_PEER_ADDRESSES).
    PeerAddresses, "peer_addresses" => "too many addresses of one WebRTC peer",
    /// [`MAX_DATA_CHANNELS`](super::MAX_DATA_CHANNELS).
    DataChannels, "data_channels" => "too many data channels of one WebRTC peer",
}

impl Limit {
    /// `true` for a limit that all peers share: peers within their own limits are refused, too.
    pub(super) const fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Sessions
                | Self::Offers
                | Self::QuicHandshakes
                | Self::Connections
                | Self::Arrivals
        )
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Resource with a limit in total and one per address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Sessions,
    Offers,
    QuicHandshakes,
    Connections,
    Arrivals,
}

impl Resource {
    /// The limit that was reached.
    pub(super) const fn limit(self, exhausted: Exhausted) -> Limit {
        match (self, exhausted) {
            (Self::Sessions, Exhausted::Total) => Limit::Sessions,
            (Self::Sessions, Exhausted::PerAddress) => Limit::SessionsPerAddress,
            (Self::Offers, Exhausted::Total) => Limit::Offers,
            (Self::Offers, Exhausted::PerAddress) => Limit::OffersPerAddress,
            (Self::QuicHandshakes, Exhausted::Total) => Limit::QuicHandshakes,
            (Self::QuicHandshakes, Exhausted::PerAddress) => Limit::QuicHandshakesPerAddress,
            (Self::Connections, Exhausted::Total) => Limit::Connections,
            (Self::Connections, Exhausted::PerAddress) => Limit::ConnectionsPerAddress,
            (Self::Arrivals, Exhausted::Total) => Limit::Arrivals,
            (Self::Arrivals, Exhausted::PerAddress) => Limit::ArrivalsPerAddress,
        }
    }
}

/// Refusal of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Refusal {
    /// Close code sent to the browser.
    pub(super) code: CloseCode,
    /// Limit that was reached, if any.
    pub(super) limit: Option<Limit>,
}

impl From<CloseCode> for Refusal {
    fn from(code: CloseCode) -> Self {
        Self { code, limit: None }
    }
}

impl From<Limit> for Refusal {
    fn from(limit: Limit) -> Self {
        let code = match limit {
            Limit::SessionsPerAddress | Limit::OffersPerAddress => CloseCode::TooManyFromAddress,
            Limit::OriginBytes => CloseCode::OriginNotAllowed,
            _ => CloseCode::Full,
        };
        Self {
            code,
            limit: Some(limit),
        }
    }
}
