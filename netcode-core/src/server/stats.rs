//! Server statistics.

use crate::drop_reason::DropCounts;

/// Counters of a server since its creation. A stop does not reset them.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ServerStats {
    /// Datagrams received, including dropped ones.
    pub datagrams_in: u64,
    /// Bytes of the datagrams received.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Bytes of the datagrams sent.
    pub bytes_out: u64,
    /// Payloads received, including those of loopback clients.
    pub payloads_in: u64,
    /// Payloads sent, including those to loopback clients.
    pub payloads_out: u64,
    /// Challenges sent.
    pub challenges: u64,
    /// Requests and responses answered with *denied* because the server was full, or closed to new
    /// clients.
    pub denied: u64,
    /// Clients that were given a slot, including loopback clients.
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
