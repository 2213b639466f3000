//! Counters of the way between client and bridge.

/// Counters of the way between client and bridge. They stop at `u32::MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Datagrams for which the browser had no room.
    pub unsent: u32,
    /// Messages from the bridge that are neither datagrams nor fragments of one.
    pub malformed: u32,
    /// Payloads dropped because the application had not taken them before
    /// [`INBOX_PAYLOADS`](crate::INBOX_PAYLOADS) newer ones arrived.
    pub untaken: u32,
}

impl LinkStats {
    /// Counts a datagram that was given to the browser, if it had no room.
    pub(crate) fn count_sent(&mut self, had_room: bool) {
        self.unsent = self.unsent.saturating_add(u32::from(!had_room));
    }

    pub(crate) fn count_malformed(&mut self) {
        self.malformed = self.malformed.saturating_add(1);
    }
}
