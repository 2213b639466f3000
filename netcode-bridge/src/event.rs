//! Events of a bridge.

use std::fmt;
use std::net::SocketAddr;

use netcode_core::bridge::CloseCode;

use super::limit::Limit;

/// Transport between browser and bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP/3 datagrams.
    WebTransport,
    /// A data channel.
    WebRtc,
}

impl Transport {
    pub(super) const ALL: [Self; 2] = [Self::WebTransport, Self::WebRtc];

    /// Stable name for metrics, logs and JSON, in snake case.
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

/// Description of a session: its ends, and the traffic it has carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Number of the session, unique within one bridge.
    pub id: u64,
    /// Transport between browser and bridge.
    pub transport: Transport,
    /// Address of the browser: the source of the session's datagrams.
    pub client: SocketAddr,
    /// Address of the server.
    pub server: SocketAddr,
    /// Origin of the page, if it is a page.
    pub origin: Option<String>,
    /// Datagrams forwarded to the server, and to the browser.
    pub datagrams: [u64; 2],
    /// Bytes of those datagrams.
    pub bytes: [u64; 2],
}

/// Cause of a session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndCause {
    /// The bridge ended it.
    Bridge(CloseCode),
    /// The browser ended it.
    Browser,
    /// The browser has gone silent.
    Lost,
}

impl EndCause {
    /// Stable name for metrics, logs and JSON, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bridge(code) => code.name(),
            Self::Browser => "browser",
            Self::Lost => "lost",
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

/// Change of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BridgeEvent {
    /// A session began.
    Opened(SessionInfo),
    /// A session ended.
    Ended {
        /// The session, with its counters.
        session: SessionInfo,
        /// Cause of the end.
        cause: EndCause,
    },
    /// A session was refused.
    Refused {
        /// Transport of the request.
        transport: Transport,
        /// Address of the browser; port 0 if a proxy named no port.
        client: SocketAddr,
        /// Close code sent to the browser.
        code: CloseCode,
        /// Limit of the bridge that was reached, if any.
        limit: Option<Limit>,
    },
}
