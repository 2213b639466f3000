//! Admission of new clients.

use super::Server;
use crate::crypto::Crypto;

/// Admission of new clients to a running server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Admission {
    /// A client is admitted while a slot is free.
    #[default]
    Open,
    /// A client with a valid token is denied as by a full server, and goes on to the next server of
    /// its token. For a server that is to be stopped once its clients have left: they are connected
    /// as before.
    ///
    /// It is checked where the standard checks for a free slot: last, after the token of a request
    /// or the challenge of a response was opened, so that nothing else is answered. A client that
    /// replaces its own session ([`ReconnectRule`](super::ReconnectRule)) is not new, and loopback
    /// clients are the owner's: both are admitted.
    Closed,
}

impl<C: Crypto> Server<'_, C> {
    /// Opens or closes the server to new clients. A new server is open; the setting stays over
    /// [`stop`](Self::stop) and [`start`](Self::start).
    pub fn set_admission(&mut self, admission: Admission) {
        self.admission = admission;
    }

    /// Admission of new clients.
    pub fn admission(&self) -> Admission {
        self.admission
    }

    /// Returns `true` if a client may have a slot; `replaced` is the one of its own old session.
    pub(super) fn admits(&self, replaced: Option<usize>) -> bool {
        replaced.is_some() || (self.admission == Admission::Open && !self.slots.is_full())
    }
}
