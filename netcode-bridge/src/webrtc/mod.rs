//! WebRTC: data channels, whose messages become UDP's datagrams.
//!
//! One socket of a family serves all sessions. Each session is a task that drives one peer
//! connection; the socket's task only looks whose a datagram is.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `demux` | the socket, and whose a datagram is |
//! | `offer` | from an offer to an answer and a peer |
//! | `credentials` | names and passwords in ICE |
//! | `peer` | one browser, from the answer to its session's end |
//! | `connection` | its peer connection: datagrams, and the data channel |
//! | `paths` | which addresses get a stream: those that have answered |
//! | `alerts` | alerts that anybody could have sent |
//! | `outbox` | what waits for a browser |

mod alerts;
mod connection;
mod credentials;
mod demux;
mod offer;
mod outbox;
mod paths;
mod peer;

pub(super) use demux::Demux;
pub(super) use offer::{Offers, Unanswered};
