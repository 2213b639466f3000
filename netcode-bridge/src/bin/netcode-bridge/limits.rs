//! Options for the bridge's limits.

use std::time::Duration;

use netcode_bridge::Limits;

use super::options::seconds;

/// Limits on unauthenticated peers. "One address" is one IPv4 address or one IPv6 /64 network.
#[derive(clap::Args)]
#[command(next_help_heading = "Limits on browsers (IPv6: one address is one network of 64 bits)")]
pub(crate) struct LimitArgs {
    /// Sessions at a time; each takes a descriptor
    #[arg(long, value_name = "N", default_value_t = Limits::default().sessions)]
    max_sessions: usize,
    /// Sessions at a time from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().sessions_per_address)]
    max_sessions_per_address: usize,
    /// Datagrams a second, in each direction of a session
    #[arg(long, value_name = "N", default_value_t = Limits::default().datagrams_per_second)]
    datagrams_per_second: u32,
    /// Bytes a second, in each direction of a session
    #[arg(long, value_name = "N", default_value_t = Limits::default().bytes_per_second)]
    bytes_per_second: u32,
    /// Seconds without a message from the browser after which a session ends
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    idle_timeout: Duration,
    /// Seconds until a session's connection request has to arrive
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    handshake_timeout: Duration,
    /// WebRTC offers at a time without an open data channel
    #[arg(long, value_name = "N", default_value_t = Limits::default().offers)]
    max_offers: usize,
    /// Such offers at a time from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().offers_per_address)]
    max_offers_per_address: usize,
    /// Seconds until the data channel of an offer has to be open
    #[arg(long, value_name = "SECONDS", default_value = "8", value_parser = seconds)]
    offer_timeout: Duration,
    /// WebTransport handshakes (QUIC and HTTP/3) at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().quic_handshakes)]
    max_quic_handshakes: usize,
    /// WebTransport handshakes at a time from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().quic_handshakes_per_address)]
    max_quic_handshakes_per_address: usize,
    /// Seconds until a QUIC connection has to request a session
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = seconds)]
    quic_handshake_timeout: Duration,
    /// TCP connections at a time, with one HTTP request each; each takes a descriptor
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,
    /// TCP connections at a time from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections_per_address)]
    max_connections_per_address: usize,
    /// Seconds after which a TCP connection is closed, whatever its state
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    request_timeout: Duration,
    /// New TCP connections a second, and as many QUIC connections
    #[arg(long, value_name = "N", default_value_t = Limits::default().arrivals_per_second)]
    arrivals_per_second: u32,
    /// New connections a second from one address
    #[arg(
        long,
        value_name = "N",
        default_value_t = Limits::default().arrivals_per_second_per_address
    )]
    arrivals_per_second_per_address: u32,
}

impl LimitArgs {
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            sessions: self.max_sessions,
            sessions_per_address: self.max_sessions_per_address,
            datagrams_per_second: self.datagrams_per_second,
            bytes_per_second: self.bytes_per_second,
            idle_timeout: self.idle_timeout,
            handshake_timeout: self.handshake_timeout,
            offers: self.max_offers,
            offers_per_address: self.max_offers_per_address,
            offer_timeout: self.offer_timeout,
            quic_handshakes: self.max_quic_handshakes,
            quic_handshakes_per_address: self.max_quic_handshakes_per_address,
            quic_handshake_timeout: self.quic_handshake_timeout,
            connections: self.max_connections,
            connections_per_address: self.max_connections_per_address,
            request_timeout: self.request_timeout,
            arrivals_per_second: self.arrivals_per_second,
            arrivals_per_second_per_address: self.arrivals_per_second_per_address,
            ..Limits::default()
        }
    }
}
