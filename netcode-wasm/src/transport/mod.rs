//! Sessions with a bridge: two transports for messages, behind one small trait.
//!
//! Their asynchronous parts are in `glue/*.js`, one class for each transport: chains of promises
//! are shorter there, and a closed session drops its callbacks at once, so that a promise that
//! settles late cannot call a closure that was freed.
//!
//! | file | contents |
//! | --- | --- |
//! | `webtransport`, `webrtc` | the two transports |
//! | `callbacks` | callbacks of a session, of the timer and of the page |

mod callbacks;
mod webrtc;
mod webtransport;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use netcode_core::bridge::PATH_PREFIX;

pub(crate) use self::callbacks::{Callbacks, Listener};
use self::webrtc::WebRtc;
use self::webtransport::WebTransport;
use crate::failure::TransportKind;
use crate::options::Options;

/// Session with a bridge. Dropping it ends it, after what was sent has left.
pub(crate) trait Transport {
    /// Length in bytes of the longest message that it carries now.
    fn limit(&self) -> usize;

    /// Sends a message that is no longer than the limit. `false`: the browser has no room, and the
    /// message is lost.
    fn send(&self, message: &[u8]) -> bool;

    /// Prepares for the end of the page: whatever is sent from now on has to leave in this turn.
    fn leave_page(&self) {}
}

/// Begins to open a session for `server`. The outcome is reported to `callbacks`, later.
pub(crate) fn open(
    kind: TransportKind,
    options: &Options,
    server: SocketAddr,
    callbacks: &Callbacks,
) -> Box<dyn Transport> {
    let url = session_url(options.base_url(kind).unwrap_or_default(), server);
    match kind {
        TransportKind::WebTransport => Box::new(WebTransport::open(
            &url,
            &options.certificate_hashes,
            callbacks,
        )),
        TransportKind::WebRtc => Box::new(WebRtc::open(&url, callbacks)),
    }
}

/// URL of a session for `server`. The standard library's formatting of an address is two kilobytes
/// of code, most of it to shorten IPv6.
fn session_url(base: &str, server: SocketAddr) -> String {
    let mut url = String::from(base.trim_end_matches('/'));
    url.push_str(PATH_PREFIX);
    // Writing to a string cannot fail.
    let _ = match server.ip() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            write!(url, "{a}.{b}.{c}.{d}")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h] = ip.segments();
            write!(url, "[{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}]")
        }
    };
    let _ = write!(url, ":{}", server.port());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_s_url_names_its_server() {
        let url = |base, server: &str| session_url(base, server.parse().unwrap());
        assert_eq!(
            url("https://bridge.example:4433/", "192.0.2.1:40000"),
            "https://bridge.example:4433/netcode/192.0.2.1:40000"
        );
        assert_eq!(
            url("https://bridge.example", "[2001:db8::1]:40000"),
            "https://bridge.example/netcode/[2001:db8:0:0:0:0:0:1]:40000"
        );
    }

    #[test]
    fn the_server_in_a_session_s_url_is_read_as_that_server() {
        for server in ["192.0.2.1:40000", "[::1]:1", "[2001:db8:0:1::]:65535"] {
            let server: SocketAddr = server.parse().unwrap();
            let url = session_url("", server);
            assert_eq!(
                url.strip_prefix(PATH_PREFIX).map(str::parse),
                Some(Ok(server))
            );
        }
    }
}
