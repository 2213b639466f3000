//! The web backend (`examples/matchmaker`), as a server and a client of the command ask it.
//!
//! | file | contents |
//! | --- | --- |
//! | `options` | URL, API key, labels |
//! | `url` | the backend's URL, and which ones are permitted |
//! | `backend` | requests over HTTP, with limits |
//! | `failure` | requests without a usable answer |
//! | `backoff` | time to wait before the next attempt |

mod backend;
mod backoff;
mod failure;
mod options;
mod url;

pub(crate) use self::backend::Backend;
pub(crate) use self::backoff::Backoff;
pub(crate) use self::failure::{Failure, shown};
pub(crate) use self::options::MatchmakerArgs;
