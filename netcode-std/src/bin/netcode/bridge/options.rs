//! What both `netcode bridge` and `netcode server --bridge` can be told.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use netcode_std::bridge::{AllowList, Backpressure, BridgeConfig, Certificate, Limits};

use crate::text::seconds;

/// How browsers are served.
#[derive(clap::Args)]
#[command(next_help_heading = "Browsers")]
pub(crate) struct BrowserArgs {
    /// Where WebRTC's datagrams arrive (UDP); without it, the port after the one listened at
    #[arg(long, value_name = "ADDRESS")]
    rtc_listen: Vec<SocketAddr>,
    /// The addresses browsers find that at: behind NAT, or when bound to all interfaces; one of
    /// each family
    #[arg(long, value_name = "IP")]
    rtc_public: Vec<IpAddr>,
    /// WebTransport only
    #[arg(long, conflicts_with_all = ["rtc_listen", "rtc_public"])]
    no_webrtc: bool,
    /// The certificate chain, PEM; without it, one for development, which a page must know by its
    /// hash
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// Take offers for WebRTC over HTTP, not HTTPS: behind a proxy that does TLS
    #[arg(long)]
    plain_http: bool,
    /// A page's origin that is served, such as `https://game.example`; without any, all are
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Where Prometheus finds the counters, at /metrics: an address on loopback
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Sessions at a time
    #[arg(long, value_name = "N", default_value_t = Limits::default().sessions)]
    max_sessions: usize,
    /// Sessions at a time from one address (IPv6: one network of 64 bits)
    #[arg(long, value_name = "N", default_value_t = Limits::default().sessions_per_address)]
    max_sessions_per_address: usize,
    /// Datagrams a second, in each direction of a session
    #[arg(long, value_name = "N", default_value_t = Limits::default().datagrams_per_second)]
    datagrams_per_second: u32,
    /// Bytes a second, in each direction of a session
    #[arg(long, value_name = "N", default_value_t = Limits::default().bytes_per_second)]
    bytes_per_second: u32,
    /// End a session after so long without a word from the browser
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    idle_timeout: Duration,
    /// End a session that has not sent its connection request by then
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    handshake_timeout: Duration,
    /// Drop what has waited longest, not what is newest, when a browser is slow
    #[arg(long)]
    drop_oldest: bool,
}

impl BrowserArgs {
    /// A bridge to the servers in `allow`, listening at `listen`.
    pub(super) fn config(&self, allow: AllowList, listen: Vec<SocketAddr>) -> Result<BridgeConfig> {
        let certificate = match (&self.certificate, &self.certificate_key) {
            (Some(chain), Some(key)) => Certificate::from_files(chain, key),
            _ => Certificate::for_development(),
        };
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            bail!("{origin} is no origin: write scheme and host, such as https://game.example");
        }
        let mut config = BridgeConfig::new(allow, certificate);
        config.rtc_listen = match (self.no_webrtc, self.rtc_listen.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => listen.iter().copied().map(next_port).collect(),
            (false, false) => self.rtc_listen.clone(),
        };
        config.listen = listen;
        config.rtc_public.clone_from(&self.rtc_public);
        config.plain_http |= self.plain_http;
        config.metrics = self.metrics;
        config.origins.clone_from(&self.origins);
        config.limits = Limits {
            sessions: self.max_sessions,
            sessions_per_address: self.max_sessions_per_address,
            datagrams_per_second: self.datagrams_per_second,
            bytes_per_second: self.bytes_per_second,
            idle_timeout: self.idle_timeout,
            handshake_timeout: self.handshake_timeout,
            ..Limits::default()
        };
        if self.drop_oldest {
            config.backpressure = Backpressure::DropOldest;
        }
        Ok(config)
    }
}

/// Port 0 stays 0: the system chooses both.
fn next_port(mut address: SocketAddr) -> SocketAddr {
    match address.port() {
        0 => {}
        port => address.set_port(port.checked_add(1).unwrap_or(port - 1)),
    }
    address
}

/// `scheme://host`, perhaps with a port, and no path: browsers send it like that.
fn is_origin(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        assert!(is_origin("https://game.example"));
        assert!(is_origin("http://127.0.0.1:8080"));
        assert!(!is_origin("game.example"));
        assert!(!is_origin("https://game.example/"));
    }

    #[test]
    fn the_next_port_is_never_none() {
        let next = |port| next_port(SocketAddr::from(([127, 0, 0, 1], port))).port();
        assert_eq!((next(0), next(4433), next(65535)), (0, 4434, 65534));
    }
}
