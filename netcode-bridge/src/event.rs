//! What a bridge tells its owner.

use std::fmt;
use std::net::SocketAddr;

use netcode_core::bridge::CloseCode;

use super::limit::Limit;

/// How a browser reaches the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams of HTTP/3.
    WebTransport,
    /// A data channel.
    WebRtc,
}

impl Transport {
    pub(super) const ALL: [Self; 2] = [Self::WebTransport, Self::WebRtc];

    /// A stable name for metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WebTransport => "webtransport",
            Self::WebRtc => "webrtc",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who talks to which server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Tells sessions of one bridge apart.
    pub id: u64,
    /// How the browser reaches the bridge.
    pub transport: Transport,
    /// Where the browser is: the address that the session's datagrams come from.
    pub client: SocketAddr,
    /// The server it talks to.
    pub server: SocketAddr,
    /// The page's origin, if it is a page.
    pub origin: Option<String>,
    /// Datagrams from the browser that went to the server, and back.
    pub datagrams: [u64; 2],
    /// Their bytes.
    pub bytes: [u64; 2],
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndCause {
    /// The bridge ended it.
    Bridge(CloseCode),
    /// The browser ended it.
    Browser,
    /// The browser is gone without a word.
    Lost,
}

impl EndCause {
    /// A stable name for metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge(code) => code.name(),
            Self::Browser => "Browser",
            Self::Lost => "Lost",
        }
    }
}

impl fmt::Display for EndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge(code) => code.fmt(f),
            Self::Browser => f.write_str("the browser closed it"),
            Self::Lost => f.write_str("the browser is gone"),
        }
    }
}

/// A change among the sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BridgeEvent {
    /// A session began.
    Opened(SessionInfo),
    /// A session ended.
    Ended {
        /// Which one, with what it has carried.
        session: SessionInfo,
        /// How.
        cause: EndCause,
    },
    /// A session was refused.
    Refused {
        /// How the browser came.
        transport: Transport,
        /// Where it is; port 0 if a proxy told no port.
        client: SocketAddr,
        /// Why, as the browser was told.
        code: CloseCode,
        /// The limit of the bridge's behind that, if it is one.
        limit: Option<Limit>,
    },
}
