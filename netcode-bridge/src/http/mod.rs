//! HTTP: WebRTC offers. HTTP/1.1 only, one request for each connection.
//!
//! | file | contents |
//! | --- | --- |
//! | `connection` | TCP connections: admission and timeouts |
//! | `proxy` | trusted proxies and the browser's address |
//! | `routes` | requests and responses |

mod connection;
mod proxy;
mod routes;

#[cfg(fuzzing)]
pub(super) use connection::serve_request;
pub(super) use connection::{listen, serve, tls_config};
pub use proxy::{ParseNetworkError, ProxyHeader, ProxyNetwork};
pub(super) use routes::offers;
