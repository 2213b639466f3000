//! Connection statistics of both roles.

use core::time::Duration;

use crate::identity::Sequence;

/// Counters of one connection since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Authentic datagrams received.
    pub datagrams_in: u64,
    /// Sealed datagrams sent.
    pub datagrams_out: u64,
    /// Bytes of authentic datagrams received.
    pub bytes_in: u64,
    /// Bytes of sealed datagrams sent.
    pub bytes_out: u64,
    /// Payloads received.
    pub payloads_in: u64,
    /// Payloads sent.
    pub payloads_out: u64,
    /// Datagrams already received, or too old for the replay window. Saturates at 65,535.
    pub replayed: u32,
    /// Datagrams from the peer's address that failed authentication: forged or damaged. Saturates
    /// at 65,535.
    pub unauthentic: u32,
    /// Datagrams of the peer that have not arrived: gaps between sequences. A reordered datagram
    /// counts as lost until it arrives.
    pub lost: u64,
    /// Time from the first handshake packet to the first reply, if measured. Never shorter than the
    /// round trip; longer if packets were lost.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "handshake_round_trip_us",
            serialize_with = "crate::serialize::micros"
        )
    )]
    pub handshake_round_trip: Option<Duration>,
}

/// Compact form of [`ConnectionStats`] for a client slot: without values that can be derived.
#[derive(Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) datagrams_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) payloads_in: u64,
    pub(crate) payloads_out: u64,
    pub(crate) lost: u32,
    pub(crate) replayed: u16,
    pub(crate) unauthentic: u16,
}

impl Traffic {
    pub(crate) const ZERO: Self = Self {
        datagrams_in: 0,
        bytes_in: 0,
        bytes_out: 0,
        payloads_in: 0,
        payloads_out: 0,
        lost: 0,
        replayed: 0,
        unauthentic: 0,
    };

    /// Counts an authentic datagram. `newest` is the highest sequence before it.
    pub(crate) fn received(&mut self, bytes: usize, sequence: Sequence, newest: Sequence) {
        if self.datagrams_in == 0 {
            // The number of datagrams before the first one is unknown.
        } else if sequence > newest {
            let gap = sequence.0.saturating_sub(newest.0).saturating_sub(1);
            self.lost = self
                .lost
                .saturating_add(u32::try_from(gap).unwrap_or(u32::MAX));
        } else {
            self.lost = self.lost.saturating_sub(1);
        }
        self.datagrams_in = self.datagrams_in.saturating_add(1);
        self.bytes_in = self.bytes_in.saturating_add(bytes as u64);
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.bytes_out = self.bytes_out.saturating_add(bytes as u64);
    }

    pub(crate) fn to_stats(self, datagrams_out: u64, round_trip: RoundTrip) -> ConnectionStats {
        ConnectionStats {
            datagrams_in: self.datagrams_in,
            datagrams_out,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            payloads_in: self.payloads_in,
            payloads_out: self.payloads_out,
            replayed: u32::from(self.replayed),
            unauthentic: u32::from(self.unauthentic),
            lost: u64::from(self.lost),
            handshake_round_trip: round_trip.duration(),
        }
    }
}

/// Measured round-trip time, microseconds. All-zero is unknown.
#[derive(Clone, Copy)]
pub(crate) struct RoundTrip(u32);

impl RoundTrip {
    pub(crate) const UNKNOWN: Self = Self(0);

    pub(crate) fn from_micros(micros: u64) -> Self {
        Self(u32::try_from(micros).unwrap_or(u32::MAX).max(1))
    }

    /// The shorter of two measurements of the same path.
    pub(crate) fn or_shorter(self, other: Self) -> Self {
        match (self.0, other.0) {
            (0, _) => other,
            (_, 0) => self,
            (one, other) => Self(one.min(other)),
        }
    }

    fn duration(self) -> Option<Duration> {
        (self.0 != 0).then(|| Duration::from_micros(u64::from(self.0)))
    }
}
