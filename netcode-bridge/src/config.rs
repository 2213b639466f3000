//! Bridge configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::allow::AllowList;
use super::certificate::Certificate;
use super::http::{ProxyHeader, ProxyNetwork};

/// Bridge configuration: listening addresses, permitted pages, permitted servers, limits.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    /// Addresses for WebTransport sessions (UDP) and WebRTC offers (TCP, the same ports): one
    /// address, or one of each family. Port 0 takes any free port, which differs between the two.
    pub listen: Vec<SocketAddr>,
    /// Addresses for WebRTC datagrams (UDP): one address, or one of each family. Empty disables
    /// WebRTC.
    pub rtc_listen: Vec<SocketAddr>,
    /// Public addresses of `rtc_listen`, if they differ from the bound ones: behind NAT, or when
    /// bound to all interfaces. The ports are the bound ones.
    pub rtc_public: Vec<IpAddr>,
    /// TLS certificate of the bridge.
    pub certificate: Certificate,
    /// Accept offers over plain HTTP: behind a proxy that terminates TLS, or in development. A page
    /// served over HTTPS can post only to HTTPS, or to the local machine.
    pub plain_http: bool,
    /// Proxies in front of the offers' port that are trusted to name the browser's address. If
    /// empty, no proxy is trusted: limits per address then count the address a connection comes
    /// from.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// Header in which those proxies name the browser's address.
    pub proxy_header: ProxyHeader,
    /// Servers that may be reached. Nothing is forwarded anywhere else.
    pub allow: AllowList,
    /// Permitted page origins, such as `https://game.example`. Empty permits every page, and
    /// programs that send no origin.
    pub origins: Vec<String>,
    /// Limits per session, per address, and in total.
    pub limits: Limits,
    /// Choice of the message to drop when a browser receives slower than its server sends.
    pub backpressure: Backpressure,
}

impl BridgeConfig {
    /// Configuration with port 4433 on every interface, 4434 for WebRTC datagrams, all origins
    /// permitted and default limits.
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
            allow,
            origins: Vec::new(),
            limits: Limits::default(),
            backpressure: Backpressure::DropNewest,
        }
    }

    /// `true` if this origin is permitted. A program that is no page has none.
    pub(super) fn serves(&self, origin: Option<&str>) -> bool {
        self.origins.is_empty()
            || origin.is_some_and(|origin| {
                self.origins
                    .iter()
                    .any(|listed| listed.eq_ignore_ascii_case(origin))
            })
    }
}

/// Limits of a bridge.
///
/// *Per address* means one IPv4 address, or one IPv6 /64 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time. Each takes a descriptor: [`Bridge::start`](super::Bridge::start) checks
    /// that the system permits as many.
    pub sessions: usize,
    /// Sessions at a time per address.
    pub sessions_per_address: usize,
    /// Datagrams a second, in each direction of a session; bursts of twice as many.
    pub datagrams_per_second: u32,
    /// Bytes a second, in each direction of a session; bursts of twice as many.
    pub bytes_per_second: u32,
    /// Time without a message from the browser after which a session ends.
    pub idle_timeout: Duration,
    /// Time until the connection request has to arrive, or the session ends.
    pub handshake_timeout: Duration,
    /// Bytes queued for a browser, per session; further messages are dropped. At least
    /// [`MIN_BUFFER_BYTES`].
    pub buffer_bytes: usize,
    /// WebRTC offers at a time that were answered and have no data channel yet. They take no
    /// session's place.
    pub offers: usize,
    /// Such offers at a time per address.
    pub offers_per_address: usize,
    /// Time until the data channel of an offer has to be open, or the offer is dropped.
    pub offer_timeout: Duration,
    /// QUIC and HTTP/3 handshakes at a time. While half of them are in use, a new connection must
    /// validate its address (QUIC Retry) before it costs more than a reply.
    pub quic_handshakes: usize,
    /// Such handshakes at a time per address. While half of them are in use, the same holds for the
    /// address.
    pub quic_handshakes_per_address: usize,
    /// Time until a QUIC connection has to request a session, or it is closed.
    pub quic_handshake_timeout: Duration,
    /// TCP connections at a time. Each carries one request.
    pub connections: usize,
    /// TCP connections at a time per address.
    pub connections_per_address: usize,
    /// Time after which a TCP connection is closed: TLS handshake, request and response included.
    pub request_timeout: Duration,
    /// New TCP connections a second, and as many QUIC connections; bursts of twice as many.
    pub arrivals_per_second: u32,
    /// New connections a second per address.
    pub arrivals_per_second_per_address: u32,
}

/// Minimum of [`Limits::buffer_bytes`]: WebRTC needs room for one datagram being sent and for the
/// next.
pub const MIN_BUFFER_BYTES: usize = 4096;

/// Maximum length of an origin, bytes: no host name is longer. A session stores it.
pub const MAX_ORIGIN_BYTES: usize = 255;

/// Addresses of one WebRTC peer: its interfaces, of which it selects one.
pub const MAX_PEER_ADDRESSES: usize = 8;

/// Open data channels of one WebRTC peer, of which one carries the session.
pub const MAX_DATA_CHANNELS: usize = 4;

impl Default for Limits {
    /// 4,096 sessions, 64 per address; 1,000 datagrams and 1 MB a second; 30 seconds of silence, 10
    /// for the connection request; 64 KiB of buffer. 512 offers, 32 per address, for 8 seconds; the
    /// same number of QUIC handshakes for 4 seconds; 512 TCP connections, 64 per address, for 10
    /// seconds; 2,000 new connections a second, 200 per address.
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

/// Choice of the message to drop when more than [`Limits::buffer_bytes`] are queued for a browser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backpressure {
    /// Drop the newest message: queued messages are delivered first.
    #[default]
    DropNewest,
    /// Drop the oldest messages: for games that need current state.
    DropOldest,
}
