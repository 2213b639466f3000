//! HTTP: offers for WebRTC, and the counters. HTTP/1.1 only, one request for each connection.
//!
//! | file | what lives there |
//! | --- | --- |
//! | `connection` | one TCP connection: who may have one, and for how long |
//! | `proxy` | where a browser is that comes through a proxy |
//! | `routes` | what is answered |

mod connection;
mod proxy;
mod routes;

pub(super) use connection::{Door, listen, serve, tls_config};
pub use proxy::{ParseNetworkError, ProxyHeader, ProxyNetwork};
pub(super) use routes::{metrics, offers};
