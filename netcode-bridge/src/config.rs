//! What a bridge is told once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::allow::AllowList;
use super::certificate::Certificate;
use super::http::{ProxyHeader, ProxyNetwork};

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
    /// Proxies in front of the offers' port, whose word on where a browser is counts. Empty
    /// believes nobody: limits per address then count the address a connection comes from.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// The header in which those proxies name the browser's address.
    pub proxy_header: ProxyHeader,
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
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::default(),
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
///
/// *Per address* means one IPv4 address, or one IPv6 network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time. Each takes a descriptor: [`Bridge::start`](super::Bridge::start) checks
    /// that the system gives so many.
    pub sessions: usize,
    /// Sessions at a time per address.
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
    /// Offers for WebRTC at a time that were answered and have no data channel yet. They hold no
    /// session's place.
    pub offers: usize,
    /// Those per address.
    pub offers_per_address: usize,
    /// An offer is forgotten if its data channel is not open by then.
    pub offer_timeout: Duration,
    /// Handshakes of QUIC and HTTP/3 at a time. While half of them are under way, a newcomer must
    /// show that it receives at its address (QUIC's Retry) before it costs more than a reply.
    pub quic_handshakes: usize,
    /// Those per address. While half of them are under way, the same goes for the address.
    pub quic_handshakes_per_address: usize,
    /// A QUIC connection is closed if it has not asked for a session by then.
    pub quic_handshake_timeout: Duration,
    /// TCP connections at a time. Each carries one request.
    pub connections: usize,
    /// Those per address.
    pub connections_per_address: usize,
    /// A TCP connection is closed by then: handshake of TLS, request and response included.
    pub request_timeout: Duration,
    /// New TCP connections a second, and as many of QUIC; for a moment, twice as many.
    pub arrivals_per_second: u32,
    /// Those per address.
    pub arrivals_per_second_per_address: u32,
}

/// The least that [`Limits::buffer_bytes`] may be: WebRTC needs room for a datagram on its way and
/// for the next.
pub const MIN_BUFFER_BYTES: usize = 4096;

/// The longest origin that is taken, bytes: no host name is longer. A session keeps it.
pub const MAX_ORIGIN_BYTES: usize = 255;

/// Addresses one WebRTC peer may be reached at: its interfaces, of which it settles on one.
pub const MAX_PEER_ADDRESSES: usize = 8;

/// Data channels one WebRTC peer may have open, of which one is the session's.
pub const MAX_DATA_CHANNELS: usize = 4;

impl Default for Limits {
    /// 4,096 sessions, 64 from an address; 1,000 datagrams and 1 MB a second; 30 seconds of
    /// silence, 10 for the connection request; 64 KiB of buffer. 512 offers, 32 from an address,
    /// for 8 seconds; the same of QUIC handshakes for 4 seconds; 512 TCP connections, 64 from an
    /// address, for 10 seconds; 2,000 new connections a second, 200 from an address.
    fn default() -> Self {
        Self {
            sessions: 4096,
            sessions_per_address: 64,
            datagrams_per_second: 1000,
            bytes_per_second: 1_000_000,
            idle_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            buffer_bytes: 64 * 1024,
            offers: 512,
            offers_per_address: 32,
            offer_timeout: Duration::from_secs(8),
            quic_handshakes: 512,
            quic_handshakes_per_address: 32,
            quic_handshake_timeout: Duration::from_secs(4),
            connections: 512,
            connections_per_address: 64,
            request_timeout: Duration::from_secs(10),
            arrivals_per_second: 2000,
            arrivals_per_second_per_address: 200,
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
