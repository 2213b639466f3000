//! What an application decides about its way to the bridge.

use js_sys::Function;

use crate::failure::TransportKind;

/// Where the bridge is, and which ways to it may be tried. WebTransport comes first.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The bridge's base URL for WebTransport, as in `https://bridge.example:4433`; `None`: do not
    /// try it.
    pub webtransport: Option<String>,
    /// The bridge's base URL for WebRTC, where offers are posted; `None`: do not try it.
    pub webrtc: Option<String>,
    /// SHA-256 of certificates that WebTransport accepts instead of one that the web's authorities
    /// signed: for development. Browsers ask for ECDSA and at most 14 days of validity.
    pub certificate_hashes: Vec<[u8; 32]>,
    /// Called when there is something to take: an event or a payload. For programs that have no
    /// frame in which to ask.
    pub notify: Option<Function>,
}

impl Options {
    /// Both ways, to one base URL.
    pub fn new(bridge: &str) -> Self {
        Self {
            webtransport: Some(bridge.to_owned()),
            webrtc: Some(bridge.to_owned()),
            ..Self::default()
        }
    }

    /// Only this way.
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

    /// The first way to try.
    pub(crate) fn first(&self) -> Option<TransportKind> {
        [TransportKind::WebTransport, TransportKind::WebRtc]
            .into_iter()
            .find(|&kind| self.base_url(kind).is_some())
    }

    /// The way to try when `failed` did.
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
    fn the_only_way_has_none_before_or_after_it() {
        let webrtc = Options::new("https://bridge.example").only(TransportKind::WebRtc);
        assert_eq!(webrtc.first(), Some(TransportKind::WebRtc));
        let options = Options::new("https://bridge.example").only(TransportKind::WebTransport);
        assert_eq!(options.after(TransportKind::WebTransport), None);
    }
}
