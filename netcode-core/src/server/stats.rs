//! What a server counts.

use crate::drop_reason::DropCounts;

/// Counters of a server, since it was made. They go on over a stop.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ServerStats {
    /// Datagrams handed in, good or not.
    pub datagrams_in: u64,
    /// Bytes of them.
    pub bytes_in: u64,
    /// Datagrams handed out.
    pub datagrams_out: u64,
    /// Bytes of them.
    pub bytes_out: u64,
    /// Payloads received, loopback included.
    pub payloads_in: u64,
    /// Payloads sent, loopback included.
    pub payloads_out: u64,
    /// Challenges sent.
    pub challenges: u64,
    /// Requests and responses answered with *denied* because the server was full.
    pub denied: u64,
    /// Clients that got a slot.
    pub connects: u64,
    /// Datagrams dropped, by reason.
    pub dropped: DropCounts,
}

impl ServerStats {
    pub(crate) fn received(&mut self, bytes: usize) {
        self.datagrams_in = self.datagrams_in.saturating_add(1);
        self.bytes_in = self.bytes_in.saturating_add(bytes as u64);
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.datagrams_out = self.datagrams_out.saturating_add(1);
        self.bytes_out = self.bytes_out.saturating_add(bytes as u64);
    }
}
