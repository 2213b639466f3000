//! Options of the bridge's service to browsers.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use netcode_bridge::{
    AllowList, Backpressure, BridgeConfig, Certificate, ProxyHeader, ProxyNetwork,
};

use netcode_service::parse_address;

use crate::limits::LimitArgs;

/// Service to browsers.
#[derive(clap::Args)]
#[command(next_help_heading = "Browsers")]
pub(crate) struct BrowserArgs {
    /// Address for WebRTC datagrams (UDP) [default: the port after that of the listening address]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    rtc_listen: Vec<SocketAddr>,
    /// Public IP of that address, behind NAT or when bound to all interfaces; one of each family
    #[arg(long, value_name = "IP")]
    rtc_public: Vec<IpAddr>,
    /// Disable WebRTC
    #[arg(long, conflicts_with_all = ["rtc_listen", "rtc_public"])]
    no_webrtc: bool,
    /// Certificate chain, PEM [default: a new certificate for development, which a page must name by
    /// its hash]
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// Key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// Keep the certificate for development in this file, with its key: its hash then survives a
    /// restart. Created if missing; replaced a day before the 13 days of its life are over
    #[arg(long, value_name = "FILE", conflicts_with = "certificate")]
    development_certificate: Option<PathBuf>,
    /// Accept WebRTC offers over HTTP, not HTTPS: behind a proxy that terminates TLS. Always so with a
    /// certificate for development
    #[arg(long, conflicts_with = "no_webrtc")]
    plain_http: bool,
    /// Proxy in front of the offers' port, ADDRESS or NETWORK, trusted to name the browser's
    /// address; without any, all browsers behind a proxy count as one address
    #[arg(
        long = "trusted-proxy",
        value_name = "NET",
        conflicts_with = "no_webrtc"
    )]
    trusted_proxies: Vec<ProxyNetwork>,
    /// Header in which trusted proxies name the browser's address
    #[arg(
        long,
        value_name = "HEADER",
        value_enum,
        default_value_t = Header::XForwardedFor,
        requires = "trusted_proxies"
    )]
    proxy_header: Header,
    /// Permitted page origin, such as `https://game.example` [default: all]
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// Drop the oldest messages, not the newest, for a slow browser
    #[arg(long)]
    drop_oldest: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Option form of [`ProxyHeader`].
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
    /// Configuration of a bridge to the servers in `allow`, listening at `listen`.
    pub(crate) fn config(&self, allow: AllowList, listen: Vec<SocketAddr>) -> Result<BridgeConfig> {
        let certificate = match (&self.certificate, &self.certificate_key) {
            (Some(chain), Some(key)) => Certificate::from_files(chain, key),
            _ => match &self.development_certificate {
                Some(file) => Certificate::for_development_in(file),
                None => Certificate::for_development(),
            },
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

/// Parses seconds, with an optional fraction. More than 30 years could overflow the time.
pub(crate) fn seconds(text: &str) -> Result<Duration> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1e9).contains(&value) => Ok(Duration::from_secs_f64(value)),
        _ => Err(anyhow!("not from 0 to 1,000,000,000 seconds")),
    }
}

/// Next port; port 0 stays 0: the system chooses both.
fn next_port(mut address: SocketAddr) -> SocketAddr {
    match address.port() {
        0 => {}
        port => address.set_port(port.checked_add(1).unwrap_or(port - 1)),
    }
    address
}

/// `true` for `scheme://host` with an optional port and no path, the form browsers send.
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
    fn the_next_port_is_never_zero() {
        let next = |port| next_port(SocketAddr::from(([127, 0, 0, 1], port))).port();
        assert_eq!((next(0), next(4433), next(65535)), (0, 4434, 65534));
    }
}
