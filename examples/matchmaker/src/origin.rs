//! Address of the caller, behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

const FORWARDED: &str = "x-forwarded-for";

/// Networks of trusted proxies, whose header `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    /// Address of the caller: the last one on the path that is not a trusted proxy's. Anyone could
    /// have written the entries before it.
    pub fn caller(&self, connected_from: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut at = connected_from.ip().to_canonical();
        for value in headers.get_all(FORWARDED).iter().rev() {
            for hop in value.to_str().unwrap_or_default().rsplit(',') {
                let hop = hop.trim().parse::<IpAddr>();
                match hop {
                    Ok(hop) if self.covers(at) => at = hop.to_canonical(),
                    _ => return at,
                }
            }
        }
        at
    }

    fn covers(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(from: &str, forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "2001:db8::1/128"].map(|it| it.parse().unwrap());
        let headers = forwarded.iter().map(|it| {
            let name = FORWARDED.parse::<axum::http::HeaderName>().unwrap();
            (name, it.parse().unwrap())
        });
        let proxies = TrustedProxies(trusted.into());
        proxies
            .caller(from.parse().unwrap(), &headers.collect())
            .to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_counts() {
        assert_eq!(caller("10.1.2.3:1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            caller("10.1.2.3:1", &["1.1.1.1, 198.51.100.1"]),
            "198.51.100.1"
        );
        assert_eq!(
            caller(
                "10.1.2.3:1",
                &["1.1.1.1", "198.51.100.1,2001:db8::1, 10.9.9.9"]
            ),
            "198.51.100.1"
        );
    }

    #[test]
    fn the_header_of_a_stranger_is_ignored() {
        assert_eq!(caller("192.0.2.9:1", &["1.1.1.1"]), "192.0.2.9");
        assert_eq!(caller("10.1.2.3:1", &["1.1.1.1, 192.0.2.9"]), "192.0.2.9");
    }

    #[test]
    fn a_proxy_that_names_no_address_counts_itself() {
        for forwarded in [&[][..], &[""], &["unknown"], &["1.1.1.1, garbage"]] {
            assert_eq!(caller("10.1.2.3:1", forwarded), "10.1.2.3", "{forwarded:?}");
        }
    }
}
