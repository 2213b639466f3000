//! Socket counters.

use crate::error::TransmitError;

/// Counters of datagrams that the socket could not send or receive. Each is lost, as it might have
/// been on the network; the protocol repeats those that matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SocketStats {
    /// The transmit buffer was full: the link is slow or down, or the buffer is too small for the
    /// traffic.
    pub tx_full: u32,
    /// A host did not resolve, or there was no route to it. Dropping its queued datagrams counts
    /// once, each datagram for it soon after counts as one.
    pub unreachable: u32,
    /// The peer's address is of a family this build does not have, or the socket is not bound.
    pub unaddressable: u32,
    /// A datagram arrived that is longer than any netcode datagram.
    pub too_long: u32,
}

impl SocketStats {
    pub(crate) const ZERO: Self = Self {
        tx_full: 0,
        unreachable: 0,
        unaddressable: 0,
        too_long: 0,
    };

    pub(crate) const fn count_refused(&mut self, refused: TransmitError) {
        let count = match refused {
            TransmitError::Full => &mut self.tx_full,
            TransmitError::Unreachable => &mut self.unreachable,
            TransmitError::Unaddressable => &mut self.unaddressable,
        };
        *count = count.saturating_add(1);
    }

    pub(crate) const fn count_cleared(&mut self, lanes: u32) {
        self.unreachable = self.unreachable.saturating_add(lanes);
    }

    pub(crate) const fn count_too_long(&mut self) {
        self.too_long = self.too_long.saturating_add(1);
    }
}
