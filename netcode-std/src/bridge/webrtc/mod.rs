//! WebRTC: data channels, whose messages become UDP's datagrams.
//!
//! One socket of a family serves all sessions. Each session is a task that drives one peer
//! connection; the socket's task only looks whose a datagram is.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `demux` | the socket, and whose a datagram is |
//! | `offer` | from an offer to an answer and a peer |
//! | `peer` | one peer connection, from the answer to its end |
//! | `outbox` | what waits for a browser |

mod demux;
mod offer;
mod outbox;
mod peer;

pub(super) use demux::Demux;
pub(super) use offer::{Offers, Unanswered};
