//! Session parameters established by a connect token.

use super::peer::Peer;
use crate::crypto::SessionKeys;
use crate::identity::{ClientId, Timeout};

/// Session parameters, moved from a half-open connection to the client's slot. The fields leave no
/// padding.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) keys: SessionKeys,
    pub(crate) client_id: ClientId,
    pub(crate) timeout: Timeout,
    /// Expiry of the token, in seconds after the server's first start.
    pub(crate) expires: u32,
    /// `Peer::NONE` for a loopback client.
    pub(crate) peer: Peer,
    /// `true` if the token also names other servers.
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
