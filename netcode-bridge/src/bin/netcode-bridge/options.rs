//! How browsers are served, as options.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use netcode_bridge::{
    AllowList, Backpressure, BridgeConfig, Certificate, ProxyHeader, ProxyNetwork,
};

use crate::limits::LimitArgs;

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
    /// A proxy in front of the offers' port, ADDRESS or NETWORK: it says where browsers are;
    /// without any, nobody is believed, and all that come through a proxy count as one address
    #[arg(long = "trusted-proxy", value_name = "NET")]
    trusted_proxies: Vec<ProxyNetwork>,
    /// The header in which it says so
    #[arg(long, value_name = "HEADER", value_enum, default_value_t = Header::XForwardedFor)]
    proxy_header: Header,
    /// A page's origin that is served, such as `https://game.example`; without any, all are
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Where Prometheus finds the counters, at /metrics: an address on loopback
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Drop what has waited longest, not what is newest, when a browser is slow
    #[arg(long)]
    drop_oldest: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// See [`ProxyHeader`].
#[derive(Clone, Copy, clap::ValueEnum)]
enum Header {
    XForwardedFor,
    Forwarded,
}

impl From<Header> for ProxyHeader {
    fn from(header: Header) -> Self {
        match header {
            Header::XForwardedFor => Self::XForwardedFor,
            Header::Forwarded => Self::Forwarded,
        }
    }
}

impl BrowserArgs {
    /// A bridge to the servers in `allow`, listening at `listen`.
    pub(crate) fn config(&self, allow: AllowList, listen: Vec<SocketAddr>) -> Result<BridgeConfig> {
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
        config.trusted_proxies.clone_from(&self.trusted_proxies);
        config.proxy_header = self.proxy_header.into();
        config.limits = self.limits.limits();
        if self.drop_oldest {
            config.backpressure = Backpressure::DropOldest;
        }
        Ok(config)
    }
}

/// Seconds, with a fraction if need be. More than 30 years could not be added to the time.
pub(crate) fn seconds(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1e9).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err(anyhow!("not from 0 to 1,000,000,000 seconds")),
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
    fn times_are_neither_negative_nor_endless() {
        assert_eq!(seconds("0.5").unwrap(), Duration::from_millis(500));
        for text in ["-1", "1e30", "inf", "NaN", "soon"] {
            assert!(seconds(text).is_err());
        }
    }

    #[test]
    fn the_next_port_is_never_none() {
        let next = |port| next_port(SocketAddr::from(([127, 0, 0, 1], port))).port();
        assert_eq!((next(0), next(4433), next(65535)), (0, 4434, 65534));
    }
}
