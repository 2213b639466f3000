//! What a bridge is told once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::allow::AllowList;
use super::certificate::Certificate;

/// Where a bridge listens, whom it serves, which servers it may reach.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    /// Where WebTransport sessions arrive (UDP), and offers for WebRTC (TCP, the same numbers):
    /// one address, or one of each family. Port 0 takes any, not the same for both.
    pub listen: Vec<SocketAddr>,
    /// Where WebRTC's datagrams arrive (UDP): one address, or one of each family. None turns
    /// WebRTC off.
    pub rtc_listen: Vec<SocketAddr>,
    /// The addresses browsers find `rtc_listen` at, if those are not the bound ones: behind NAT,
    /// or when bound to all interfaces. The ports are the bound ones.
    pub rtc_public: Vec<IpAddr>,
    /// What proves who the bridge is.
    pub certificate: Certificate,
    /// Whether offers are taken over plain HTTP: behind a proxy that does TLS, or in development.
    /// A page served over HTTPS can post only to HTTPS, or to this machine itself.
    pub plain_http: bool,
    /// Where Prometheus finds the counters, at `/metrics`. Over plain HTTP, for anybody who can
    /// connect: keep it on a loopback address.
    pub metrics: Option<SocketAddr>,
    /// The servers that may be reached. Nothing is forwarded anywhere else.
    pub allow: AllowList,
    /// Origins of pages that are served, such as `https://game.example`. Empty serves every page,
    /// and programs that are no page.
    pub origins: Vec<String>,
    /// How much one session, one address, and all together may use.
    pub limits: Limits,
    /// What to drop when a browser takes in less than its server sends.
    pub backpressure: Backpressure,
}

impl BridgeConfig {
    /// A bridge at port 4433 of every interface, WebRTC's datagrams at 4434, that serves every
    /// page with the usual limits.
    pub fn new(allow: AllowList, certificate: Certificate) -> Self {
        let everywhere = |port| {
            vec![
                SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            ]
        };
        Self {
            listen: everywhere(4433),
            rtc_listen: everywhere(4434),
            rtc_public: Vec::new(),
            plain_http: certificate.is_for_development(),
            certificate,
            metrics: None,
            allow,
            origins: Vec::new(),
            limits: Limits::default(),
            backpressure: Backpressure::DropNewest,
        }
    }

    /// Whether a page of this origin is served. A program that is no page has none.
    pub(super) fn serves(&self, origin: Option<&str>) -> bool {
        self.origins.is_empty()
            || origin.is_some_and(|origin| {
                self.origins
                    .iter()
                    .any(|listed| listed.eq_ignore_ascii_case(origin))
            })
    }
}

/// How much a bridge lets happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// Sessions at a time from one IPv4 address, or from one IPv6 network of 64 bits.
    pub sessions_per_address: usize,
    /// Datagrams a second, in each direction of a session; for a moment, twice as many.
    pub datagrams_per_second: u32,
    /// Bytes a second, in each direction of a session; for a moment, twice as many.
    pub bytes_per_second: u32,
    /// A session ends when nothing has come from the browser for so long.
    pub idle_timeout: Duration,
    /// A session ends if its connection request has not come by then.
    pub handshake_timeout: Duration,
    /// Bytes that wait for a browser, per session; what does not fit is dropped. At least
    /// [`MIN_BUFFER_BYTES`].
    pub buffer_bytes: usize,
}

/// The least that [`Limits::buffer_bytes`] may be: WebRTC needs room for a datagram on its way and
/// for the next.
pub const MIN_BUFFER_BYTES: usize = 4096;

impl Default for Limits {
    /// 4,096 sessions, 64 from an address; 1,000 datagrams and 1 MB a second; 30 seconds of
    /// silence, 10 for the handshake; 64 KiB of buffer.
    fn default() -> Self {
        Self {
            sessions: 4096,
            sessions_per_address: 64,
            datagrams_per_second: 1000,
            bytes_per_second: 1_000_000,
            idle_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            buffer_bytes: 64 * 1024,
        }
    }
}

/// What is dropped when more waits for a browser than [`Limits::buffer_bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backpressure {
    /// What has just come: what waits is delivered first.
    #[default]
    DropNewest,
    /// What has waited longest: games want the present, not the past.
    DropOldest,
}
