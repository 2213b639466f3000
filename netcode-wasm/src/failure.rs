//! Failures of a session with a bridge.

use std::fmt;

use netcode_core::bridge::CloseCode;

/// Transport between a browser and a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// HTTP/3 datagrams, in pages and in workers.
    WebTransport,
    /// An unordered data channel without retransmission, in pages only.
    WebRtc,
}

impl TransportKind {
    /// Name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebTransport => "webtransport",
            Self::WebRtc => "webrtc",
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Cause of a session's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureCause {
    /// The browser does not offer the transport here: WebTransport requires a secure context,
    /// WebRTC a page and no worker. Use the other transport.
    Missing,
    /// No session could be opened. Browsers do not tell pages the reason: the bridge is down, the
    /// network blocks UDP, or the certificate is not the expected one.
    NotOpened,
    /// The bridge could not be reached over HTTP, or its response was no answer to an offer.
    Signalling,
    /// An open session broke off, and the netcode session with it: connect with a new token.
    Lost,
    /// The bridge ended or refused the session for this reason.
    Closed(CloseCode),
    /// The bridge ended the session with a code that this version does not know.
    ClosedUnknown(u32),
}

impl FailureCause {
    /// `true` if the bridge was not reached, so that another transport may reach it.
    pub(crate) const fn leaves_hope(self) -> bool {
        matches!(self, Self::Missing | Self::NotOpened | Self::Signalling)
    }
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is not available here"),
            Self::NotOpened => f.write_str("could not be opened"),
            Self::Signalling => f.write_str("got no answer to its offer"),
            Self::Lost => f.write_str("was lost"),
            Self::Closed(code) => write!(f, "was closed: {code}"),
            Self::ClosedUnknown(number) => write!(f, "was closed with code {number}"),
        }
    }
}

/// Failure of a session with a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportFailure {
    /// Transport of the session.
    pub transport: TransportKind,
    /// Cause of the failure.
    pub cause: FailureCause,
    /// Message of the browser or the bridge; empty if there is none. For people, not for programs.
    pub detail: String,
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.cause)?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.detail)
        }
    }
}

impl std::error::Error for TransportFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javascript_has_a_code_for_every_reason_of_a_bridge() {
        let errors = include_str!("../js/src/errors.ts");
        for code in CloseCode::ALL {
            let entry = format!("  {code:?}: 'bridge-{}',", code.name().replace('_', "-"));
            assert!(errors.contains(&entry), "no {entry}");
        }
    }

    #[test]
    fn a_failure_names_the_transport_the_cause_and_the_detail() {
        let mut failure = TransportFailure {
            transport: TransportKind::WebRtc,
            cause: FailureCause::Closed(CloseCode::Full),
            detail: String::new(),
        };
        assert_eq!(failure.to_string(), "webrtc was closed: the bridge is full");
        failure.detail = "100 sessions".into();
        assert!(failure.to_string().ends_with("full (100 sessions)"));
    }
}
