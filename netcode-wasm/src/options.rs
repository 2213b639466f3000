//! Options of a client.

use js_sys::Function;

use crate::failure::TransportKind;

/// Options of a client: URLs of the bridge for the transports that may be tried, WebTransport
/// first.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Base URL of the bridge for WebTransport, as in `https://bridge.example:4433`. `None`:
    /// WebTransport is not tried.
    pub webtransport: Option<String>,
    /// Base URL of the bridge for WebRTC, where offers are posted. `None`: WebRTC is not tried.
    pub webrtc: Option<String>,
    /// SHA-256 of certificates that WebTransport accepts although no authority of the web signed
    /// them: for development. Browsers require ECDSA and at most 14 days of validity.
    pub certificate_hashes: Vec<[u8; 32]>,
    /// Function that is called when there are events to take, for programs without a frame in which
    /// to look.
    pub notify: Option<Function>,
}

impl Options {
    /// Both transports, to one base URL.
    pub fn new(bridge: &str) -> Self {
        Self {
            webtransport: Some(bridge.to_owned()),
            webrtc: Some(bridge.to_owned()),
            ..Self::default()
        }
    }

    /// The same options without the other transport.
    #[must_use]
    pub fn only(mut self, transport: TransportKind) -> Self {
        match transport {
            TransportKind::WebTransport => self.webrtc = None,
            TransportKind::WebRtc => self.webtransport = None,
        }
        self
    }

    pub(crate) fn base_url(&self, transport: TransportKind) -> Option<&str> {
        match transport {
            TransportKind::WebTransport => self.webtransport.as_deref(),
            TransportKind::WebRtc => self.webrtc.as_deref(),
        }
    }

    /// First transport to try.
    pub(crate) fn first(&self) -> Option<TransportKind> {
        [TransportKind::WebTransport, TransportKind::WebRtc]
            .into_iter()
            .find(|&kind| self.base_url(kind).is_some())
    }

    /// Transport to try after `failed` has failed.
    pub(crate) fn after(&self, failed: TransportKind) -> Option<TransportKind> {
        match failed {
            TransportKind::WebTransport => self.webrtc.as_ref().map(|_| TransportKind::WebRtc),
            TransportKind::WebRtc => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webtransport_comes_first_and_webrtc_after_it() {
        let both = Options::new("https://bridge.example");
        assert_eq!(both.first(), Some(TransportKind::WebTransport));
        let after = both.after(TransportKind::WebTransport);
        assert_eq!(after, Some(TransportKind::WebRtc));
        assert_eq!(both.after(TransportKind::WebRtc), None);
    }

    #[test]
    fn the_only_transport_has_none_before_or_after_it() {
        let webrtc = Options::new("https://bridge.example").only(TransportKind::WebRtc);
        assert_eq!(webrtc.first(), Some(TransportKind::WebRtc));
        let options = Options::new("https://bridge.example").only(TransportKind::WebTransport);
        assert_eq!(options.after(TransportKind::WebTransport), None);
    }
}
