//! WebRTC: data channels, whose messages are forwarded as UDP datagrams.
//!
//! One socket of each family serves all sessions. Each session is a task that drives one peer
//! connection; the socket's task only assigns datagrams to peers.
//!
//! | file | contents |
//! | --- | --- |
//! | `demux` | the socket |
//! | `routes` | the assignment of datagrams to peers |
//! | `offer` | answers to offers |
//! | `credentials` | ICE credentials |
//! | `peer` | one browser, from the answer to the session's end |
//! | `connection` | the peer connection: datagrams, and the data channel |
//! | `paths` | validation of a browser's addresses |
//! | `alerts` | unencrypted DTLS alerts |
//! | `outbox` | messages queued for a browser |
//! | `fuzzing` | entries for fuzzers |

mod alerts;
mod connection;
mod credentials;
mod demux;
#[cfg(fuzzing)]
pub(super) mod fuzzing;
mod offer;
mod outbox;
mod paths;
mod peer;
mod routes;

pub(super) use demux::Demux;
pub(super) use offer::{Offers, Unanswered};
