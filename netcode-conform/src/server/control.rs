//! The control: a second client that follows the rules. Its answers tell a server that dropped a
//! datagram from one that has stopped answering, or a network that has stopped delivering.

use std::time::Instant;

use super::player::Player;
use crate::check::Checked;
use crate::wire::kind;

/// A connection request that is repeated, which always has an answer: the token is pending at the
/// control's own address.
pub(crate) struct Control {
    pub(crate) player: Player,
    pub(crate) made: Instant,
}

impl Control {
    /// Passes if the server answers.
    pub(crate) fn check(&mut self) -> Checked {
        self.player.exchange(
            "answer to the control's connection request",
            |player| player.request.clone(),
            "connection request",
            |packet| matches!(packet.kind, kind::CHALLENGE | kind::DENIED).then_some(()),
        )
    }
}
