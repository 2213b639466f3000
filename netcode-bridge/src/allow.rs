//! Allow list: the servers a bridge may reach.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};
use std::{fmt, io};

use ipnet::IpNet;
use netcode_core::bridge::{CloseCode, PATH_PREFIX};
use percent_encoding::percent_decode_str;
use tracing::{info, warn};

/// Servers a bridge may reach; nothing is forwarded anywhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Vec<AllowRule>);

impl AllowList {
    /// Allow list of all servers that `rules` name.
    pub fn new(rules: impl IntoIterator<Item = AllowRule>) -> Self {
        Self(rules.into_iter().collect())
    }

    /// `true` if no server may be reached.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Rule that allows one server or a range of servers.
///
/// Parsed from text: `192.0.2.1:40000`, `[2001:db8::1]:40000`, `10.1.0.0/16:40000-40099`,
/// `[2001:db8::/32]:40000`, `game.example:40000`. For a server that the bridge reaches at another
/// address than the one in tokens: `192.0.2.1:40000=10.1.0.5:40000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowRule {
    hosts: Hosts,
    ports: RangeInclusive<u16>,
    /// Address that datagrams are sent to instead.
    via: Option<SocketAddr>,
}

impl AllowRule {
    /// Rule for the server that tokens name `server` and the bridge reaches at `via`.
    pub fn reached_via(server: SocketAddr, via: SocketAddr) -> Self {
        Self {
            hosts: Hosts::Network(server.ip().to_canonical().into()),
            ports: server.port()..=server.port(),
            via: Some(via),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Network(IpNet),
    /// In lower case. Resolved when the bridge starts, and every half minute.
    Name(String),
}

/// Reason why a text is not an [`AllowRule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseRuleError;

impl fmt::Display for ParseRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not HOST:PORT, NETWORK:PORT, HOST:PORT-PORT or HOST:PORT=ADDRESS:PORT, such as \
             192.0.2.1:40000, 10.1.0.0/16:40000-40099, [2001:db8::/32]:40000, \
             game.example:40000 or 192.0.2.1:40000=10.1.0.5:40000",
        )
    }
}

impl std::error::Error for ParseRuleError {}

impl FromStr for AllowRule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, ParseRuleError> {
        let (text, via) = match text.split_once('=') {
            Some((text, via)) => (text, Some(via.parse().map_err(|_| ParseRuleError)?)),
            None => (text, None),
        };
        let (host, ports) = text.rsplit_once(':').ok_or(ParseRuleError)?;
        Ok(Self {
            hosts: parse_hosts(host).ok_or(ParseRuleError)?,
            ports: parse_ports(ports).ok_or(ParseRuleError)?,
            via,
        })
    }
}

impl From<SocketAddr> for AllowRule {
    fn from(server: SocketAddr) -> Self {
        Self {
            hosts: Hosts::Network(server.ip().to_canonical().into()),
            ports: server.port()..=server.port(),
            via: None,
        }
    }
}

fn parse_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first >= 1 && first <= last).then_some(first..=last)
}

fn parse_hosts(text: &str) -> Option<Hosts> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bracketed.unwrap_or(text);
    let network = address
        .parse::<IpAddr>()
        .map(IpNet::from)
        .or_else(|_| address.parse::<IpNet>());
    match network {
        // `::1:40000` is ambiguous.
        Ok(IpNet::V6(_)) if bracketed.is_none() => None,
        Ok(network) => Some(Hosts::Network(network)),
        Err(_) if bracketed.is_none() && is_name(text) => {
            Some(Hosts::Name(text.to_ascii_lowercase()))
        }
        Err(_) => None,
    }
}

/// `true` for letters, digits, hyphens and dots that are not a mistyped IPv4 address.
fn is_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let digits_only = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    !text.is_empty() && text.bytes().all(good) && !digits_only(text)
}

/// Allow list in use, with the present addresses of its names.
#[derive(Debug)]
pub(super) struct Servers {
    allow: AllowList,
    names: RwLock<HashMap<String, Resolved>>,
}

/// Result of resolving a name.
#[derive(Debug, Default)]
struct Resolved {
    /// Addresses found, by the last attempt that found any.
    addresses: Vec<IpAddr>,
    /// `true` if the last attempt failed.
    failed: bool,
}

impl Servers {
    pub(super) fn new(allow: AllowList) -> Self {
        Self {
            allow,
            names: RwLock::default(),
        }
    }

    /// Resolves every name; blocks. A name that is not found keeps its last addresses. Failures are
    /// logged when they begin and when they end.
    pub(super) fn look_up(&self) {
        for rule in &self.allow.0 {
            if let Hosts::Name(name) = &rule.hosts {
                let found = (name.as_str(), *rule.ports.start()).to_socket_addrs();
                self.resolved(
                    name,
                    found.map(|it| it.map(|address| address.ip()).collect()),
                );
            }
        }
    }

    fn resolved(&self, name: &str, found: io::Result<Vec<IpAddr>>) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let known = names.entry(name.to_owned()).or_default();
        match found {
            Ok(found) => {
                if known.failed {
                    info!(name, "the name of an allowed server resolves again");
                }
                known.failed = false;
                known.addresses = found.iter().map(IpAddr::to_canonical).collect();
            }
            Err(error) => {
                if !known.failed {
                    warn!(
                        name,
                        %error,
                        "the name of an allowed server does not resolve; browsers cannot reach it \
                         until it does"
                    );
                }
                known.failed = true;
            }
        }
    }

    /// `true` if the list has names that need to be resolved again.
    pub(super) fn has_names(&self) -> bool {
        let is_name = |rule: &AllowRule| matches!(rule.hosts, Hosts::Name(_));
        self.allow.0.iter().any(is_name)
    }

    /// Server named by a session's path, if it may be reached.
    pub(super) fn find(&self, path: &str) -> Result<SocketAddr, CloseCode> {
        let target = path
            .strip_prefix(PATH_PREFIX)
            .and_then(|target| percent_decode_str(target).decode_utf8().ok())
            .ok_or(CloseCode::ServerNotAllowed)?;
        match target.parse::<SocketAddr>() {
            Ok(address) => self.find_address(address),
            Err(_) => self.find_name(&target),
        }
    }

    fn find_address(&self, address: SocketAddr) -> Result<SocketAddr, CloseCode> {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let covers = |rule: &&AllowRule| match &rule.hosts {
            _ if !rule.ports.contains(&port) => false,
            Hosts::Network(network) => network.contains(&ip),
            Hosts::Name(name) => self.addresses(name).contains(&ip),
        };
        let rule = self.allow.0.iter().find(covers);
        let rule = rule.ok_or(CloseCode::ServerNotAllowed)?;
        Ok(rule.via.unwrap_or(SocketAddr::new(ip, port)))
    }

    fn find_name(&self, target: &str) -> Result<SocketAddr, CloseCode> {
        let not_allowed = CloseCode::ServerNotAllowed;
        let (host, port) = target.rsplit_once(':').ok_or(not_allowed)?;
        let port: u16 = port.parse().map_err(|_| not_allowed)?;
        let host = Hosts::Name(host.to_ascii_lowercase());
        let covers = |rule: &&AllowRule| rule.ports.contains(&port) && rule.hosts == host;
        let rule = self.allow.0.iter().find(covers).ok_or(not_allowed)?;
        match (rule.via, &rule.hosts) {
            (Some(via), _) => Ok(via),
            (None, Hosts::Name(name)) => {
                let first = self.addresses(name).first().copied();
                first
                    .map(|ip| SocketAddr::new(ip, port))
                    .ok_or(CloseCode::Unavailable)
            }
            (None, Hosts::Network(_)) => Err(not_allowed),
        }
    }

    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names
            .get(name)
            .map(|known| known.addresses.clone())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(rules: &[&str]) -> Servers {
        let rules = rules.iter().map(|rule| rule.parse().unwrap());
        Servers::new(AllowList::new(rules))
    }

    #[test]
    fn addresses_networks_ranges_and_names_are_rules() {
        for good in [
            "192.0.2.1:40000",
            "10.1.0.0/16:40000-40099",
            "[2001:db8::1]:40000",
            "[2001:db8::/32]:1-65535",
            "Game.example:40000",
            "192.0.2.1:40000=10.1.0.5:40001",
            "game.example:40000=[::1]:7",
        ] {
            assert!(good.parse::<AllowRule>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "192.0.2.1",
            "192.0.2.1:0",
            "192.0.2.1:2-1",
            "192.0.2.999:1",
            "192.0.2.1/33:1",
            "2001:db8::1:40000",
            "[game.example]:1",
            "*:40000",
            "192.0.2.1:40000=",
            "192.0.2.1:40000=game.example:1",
            "game example:1",
        ] {
            assert_eq!(bad.parse::<AllowRule>(), Err(ParseRuleError), "{bad}");
        }
    }

    #[test]
    fn only_listed_servers_are_found() {
        let servers = servers(&["192.0.2.1:40000", "10.1.0.0/16:50000-50001", "[::1]:7"]);
        for good in [
            "/netcode/192.0.2.1:40000",
            "/netcode/10.1.255.255:50001",
            "/netcode/[::1]:7",
            "/netcode/%5B::1%5D:7",
            // The same address as IPv4-mapped IPv6.
            "/netcode/[::ffff:192.0.2.1]:40000",
        ] {
            assert!(servers.find(good).is_ok(), "{good}");
        }
        for bad in [
            "/netcode/192.0.2.1:40001",
            "/netcode/192.0.2.2:40000",
            "/netcode/10.2.0.0:50000",
            "/netcode/10.1.0.0:50002",
            "/netcode/",
            "/netcode/%ff",
            "/netcode/192.0.2.1:40000/",
            "/192.0.2.1:40000",
            "",
        ] {
            assert_eq!(servers.find(bad), Err(CloseCode::ServerNotAllowed), "{bad}");
        }
    }

    #[test]
    fn a_server_may_be_reached_at_another_address() {
        let servers = servers(&["192.0.2.1:40000=127.0.0.1:7", "game.example:1=127.0.0.1:8"]);
        let at = |port| Ok(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(servers.find("/netcode/192.0.2.1:40000"), at(7));
        assert_eq!(servers.find("/netcode/game.example:1"), at(8));
        assert_eq!(
            servers.find("/netcode/127.0.0.1:7"),
            Err(CloseCode::ServerNotAllowed)
        );
    }

    #[test]
    fn a_name_allows_its_addresses_too() {
        let servers = servers(&["localhost:40000"]);
        assert_eq!(
            servers.find("/netcode/localhost:40000"),
            Err(CloseCode::Unavailable)
        );
        servers.look_up();
        let found = servers.find("/netcode/LOCALHOST:40000").unwrap();
        assert!(found.ip().is_loopback());
        assert_eq!(servers.find(&format!("/netcode/{found}")), Ok(found));
        assert_eq!(
            servers.find("/netcode/localhost:40001"),
            Err(CloseCode::ServerNotAllowed)
        );
    }
}
