//! Trusted proxies, and the address of a browser behind them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::config::BridgeConfig;

/// Trusted proxy, or a network of them: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyNetwork(IpNet);

impl From<IpAddr> for ProxyNetwork {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl FromStr for ProxyNetwork {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, ParseNetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        text.parse().map(Self).map_err(|_| ParseNetworkError)
    }
}

/// Reason why a text is not a [`ProxyNetwork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseNetworkError;

impl fmt::Display for ParseNetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither an address nor a network, such as 192.0.2.1 or 10.0.0.0/8")
    }
}

impl std::error::Error for ParseNetworkError {}

/// Header in which a trusted proxy names the address it was reached from.
///
/// Only this header is read: a proxy forwards the other one as the browser wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: addresses, the last one added by the last proxy.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), of which `for` is read.
    Forwarded,
}

impl ProxyHeader {
    const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

/// `true` if a connection from `from` is a trusted proxy's.
pub(super) fn is_trusted(config: &BridgeConfig, from: IpAddr) -> bool {
    let from = from.to_canonical();
    let covers = |proxy: &ProxyNetwork| proxy.0.contains(&from);
    config.trusted_proxies.iter().any(covers)
}

/// Address of the browser: the last one on the path that is not a trusted proxy's. Anyone could
/// have written the entries before it. Port 0 if the proxy named none.
pub(super) fn browser_address(
    config: &BridgeConfig,
    connected_from: SocketAddr,
    headers: &HeaderMap,
) -> SocketAddr {
    let values = headers.get_all(config.proxy_header.name());
    let mut at = connected_from;
    for value in values.iter().rev() {
        for hop in value.as_bytes().rsplit(|byte| *byte == b',') {
            if !is_trusted(config, at.ip()) {
                return at;
            }
            // A proxy that hides its client is counted itself.
            let Some(before) = parse_hop(config.proxy_header, hop) else {
                return at;
            };
            at = before;
        }
    }
    at
}

fn parse_hop(header: ProxyHeader, hop: &[u8]) -> Option<SocketAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    match header {
        ProxyHeader::XForwardedFor => parse_node(hop.trim()),
        ProxyHeader::Forwarded => hop
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
            .and_then(|(_, node)| parse_node(node.trim().trim_matches('"'))),
    }
}

/// Parses an address, with or without a port: `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]`,
/// `[2001:db8::1]:4711`, `2001:db8::1`.
fn parse_node(node: &str) -> Option<SocketAddr> {
    let with_port = |ip: IpAddr, port| SocketAddr::new(ip.to_canonical(), port);
    if let Ok(ip) = node.parse::<IpAddr>() {
        return Some(with_port(ip, 0));
    }
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(with_port(address.ip(), address.port()));
    }
    let bracketed = node.strip_prefix('[')?.strip_suffix(']')?;
    let ip = bracketed.parse::<Ipv6Addr>().ok()?;
    Some(with_port(ip.into(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AllowList, Certificate};

    fn config(trusted: &[&str], header: ProxyHeader) -> BridgeConfig {
        let mut config = BridgeConfig::new(AllowList::default(), Certificate::for_development());
        config.trusted_proxies = trusted.iter().map(|it| it.parse().unwrap()).collect();
        config.proxy_header = header;
        config
    }

    /// Address of the browser for a request from `from` with these header lines.
    fn found(config: &BridgeConfig, from: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(config.proxy_header.name(), line.parse().unwrap());
        }
        browser_address(config, from.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn forwarding_headers_are_ignored_without_trusted_proxies() {
        let config = config(&[], ProxyHeader::XForwardedFor);
        let at = found(&config, "192.0.2.9:1", &["198.51.100.1"]);
        assert_eq!(at, "192.0.2.9:1");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_counts() {
        let config = config(&["10.0.0.0/8", "2001:db8::1"], ProxyHeader::XForwardedFor);
        let from_proxy = |lines: &[&str]| found(&config, "10.1.2.3:1", lines);
        assert_eq!(from_proxy(&["198.51.100.1"]), "198.51.100.1:0");
        assert_eq!(from_proxy(&["1.1.1.1, 198.51.100.1"]), "198.51.100.1:0");
        assert_eq!(
            from_proxy(&["1.1.1.1", "198.51.100.1:7, 2001:db8::1,10.9.9.9"]),
            "198.51.100.1:7"
        );
        assert_eq!(from_proxy(&["[2001:db8::7]:9"]), "[2001:db8::7]:9");
        assert_eq!(from_proxy(&["2001:db8::7"]), "[2001:db8::7]:0");
        assert_eq!(from_proxy(&["::ffff:198.51.100.1"]), "198.51.100.1:0");
        // A header from an untrusted address is ignored.
        assert_eq!(found(&config, "192.0.2.9:1", &["1.1.1.1"]), "192.0.2.9:1");
    }

    #[test]
    fn a_proxy_that_names_no_address_is_counted_itself() {
        let config = config(&["10.0.0.0/8"], ProxyHeader::XForwardedFor);
        for lines in [
            &[][..],
            &["unknown"],
            &[""],
            &["1.1.1.1, garbage"],
            &["a:b"],
        ] {
            assert_eq!(
                found(&config, "10.1.2.3:1", lines),
                "10.1.2.3:1",
                "{lines:?}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_writes_it() {
        let config = config(&["10.0.0.0/8"], ProxyHeader::Forwarded);
        let from_proxy = |line: &str| found(&config, "10.1.2.3:1", &[line]);
        assert_eq!(from_proxy("for=192.0.2.43"), "192.0.2.43:0");
        assert_eq!(
            from_proxy(r#"for=1.1.1.1, For="[2001:db8:cafe::17]:4711";proto=https"#),
            "[2001:db8:cafe::17]:4711"
        );
        assert_eq!(
            from_proxy("by=10.0.0.1;for=192.0.2.43, for=10.0.0.2"),
            "192.0.2.43:0"
        );
        assert_eq!(from_proxy("for=_hidden"), "10.1.2.3:1");
        assert_eq!(from_proxy("proto=https"), "10.1.2.3:1");
    }

    #[test]
    fn a_proxy_is_an_address_or_a_network() {
        for good in ["192.0.2.1", "10.0.0.0/8", "2001:db8::1", "2001:db8::/32"] {
            assert!(good.parse::<ProxyNetwork>().is_ok(), "{good}");
        }
        for bad in ["", "10.0.0.0/33", "proxy.example", "192.0.2.1:80"] {
            assert_eq!(bad.parse::<ProxyNetwork>(), Err(ParseNetworkError), "{bad}");
        }
    }
}
