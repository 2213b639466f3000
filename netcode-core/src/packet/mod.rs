//! The seven packet types (standard: *Packets*): written into, and read from, one buffer in place.
//!
//! Most programs never come here: [`Client`](crate::client::Client) and
//! [`Server`](crate::server::Server) do. It is public for tools, tests and fuzzers.
//!
//! - [`ConnectionRequest`]: type 0, the connection request, which is not sealed.
//! - Types 1 to 6: a [`Header`] in the clear, a sealed [`Packet`] behind it.

mod request;
mod sealed;

pub use request::{ConnectionRequest, RequestHeader};
pub(crate) use sealed::sealed_bytes;
pub use sealed::{Header, Packet, PacketType, Role, seal};
