//! Session: what a connect token establishes between a client and this server.

use super::peer::Peer;
use crate::crypto::SessionKeys;
use crate::identity::{ClientId, Timeout};

/// The part that a half-open connection hands to its client's slot. No gaps between its fields.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) keys: SessionKeys,
    pub(crate) client_id: ClientId,
    pub(crate) timeout: Timeout,
    /// When the token expires: seconds after the server's first start.
    pub(crate) expires: u32,
    /// A loopback client has none.
    pub(crate) peer: Peer,
    /// The token names other servers too.
    pub(crate) other_servers: bool,
}

impl Session {
    pub(crate) const EMPTY: Self = Self {
        keys: SessionKeys::EMPTY,
        client_id: ClientId(0),
        timeout: Timeout::from_secs(0),
        expires: 0,
        peer: Peer::NONE,
        other_servers: false,
    };
}
