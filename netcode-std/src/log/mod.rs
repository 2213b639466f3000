//! Log lines (feature `tracing`): clients that connect and leave, states of a client, and refused
//! datagrams, counted by reason and host. Without the feature, calls with the same signatures do
//! nothing.
//!
//! | file | contents |
//! | --- | --- |
//! | `server`, `client` | the lines of each role |
//! | `cause` | level and sentence of each reason for a refusal |
//! | `refusals` | counts of refused datagrams until the next line |
//! | `silent` | both roles without the feature |

#[cfg(feature = "tracing")]
mod cause;
#[cfg(feature = "tracing")]
mod client;
#[cfg(feature = "tracing")]
mod refusals;
#[cfg(feature = "tracing")]
mod server;
#[cfg(not(feature = "tracing"))]
mod silent;

#[cfg(not(feature = "tracing"))]
pub(crate) use self::silent::{ClientLog, ServerLog};
#[cfg(feature = "tracing")]
pub(crate) use self::{client::ClientLog, server::ServerLog};
