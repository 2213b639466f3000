//! The seven packet types (standard: *Packets*), written and read in place in one buffer.
//!
//! Most programs use [`Client`](crate::client::Client) and [`Server`](crate::server::Server)
//! instead. This module is public for tools, tests and fuzzers.
//!
//! - [`ConnectionRequest`]: type 0, the connection request, which is not encrypted.
//! - Types 1 to 6: a [`Header`] in the clear, followed by a sealed [`Packet`].

mod request;
mod sealed;

pub use request::{ConnectionRequest, RequestHeader};
pub(crate) use sealed::sealed_bytes;
pub use sealed::{Header, Packet, PacketType, Role, seal};
