//! Options of a server.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::{Result, bail};
use netcode_service::{EndpointArgs, LogArgs, parse_address};
use netcode_std::core::ProtocolId;
use netcode_std::core::address::AddressList;
use netcode_std::core::server::{RestartRule, ServerConfig, SourceLimit};
use netcode_std::{Link as _, Server};
use tracing::warn;

use super::heartbeats::MemberArgs;
use crate::network::{Network, NetworkArgs};
use crate::secret::KeyArgs;
use crate::text::{protocol_id, seconds};
use crate::token::resolve;

/// Run a dedicated server that sends every payload back
///
/// At Ctrl-C or SIGTERM it refuses new clients, waits for its clients to leave if --drain says so,
/// disconnects the others and ends; a second signal ends it at once. At SIGHUP it reads its key file
/// again.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) key: KeyArgs,
    /// Protocol id of the application, the same for client, server and token
    #[arg(long, value_parser = protocol_id)]
    protocol_id: ProtocolId,
    /// Address to listen at: one, or one of each family
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:40000",
        value_parser = parse_address
    )]
    bind: Vec<SocketAddr>,
    /// Addresses by which tokens name this server, if those are not the bound ones: behind NAT, or
    /// when bound to all interfaces
    #[arg(long = "public", value_name = "HOST:PORT")]
    public: Vec<String>,
    /// Maximum number of clients
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_clients: u32,
    /// Maximum lifetime of the backend's tokens, including the difference of its clock: tokens that
    /// live longer, or may be from before a restart, are refused, so that none is used twice. `off`
    /// lets tokens be used again after a restart
    #[arg(long, value_name = "SECONDS|off", value_parser = restart_rule)]
    max_token_lifetime: RestartRule,
    /// Lift the limit of half-open connections and tokens per address, a quarter of all: for
    /// users behind one NAT, or a bridge on another machine
    #[arg(long)]
    shared_address: bool,
    /// Maximum number of tokens and responses without a session to decrypt in a second, shared fairly
    /// by address, so that a flood of forged packets does not disturb clients
    #[arg(long, value_name = "N")]
    opens_per_second: Option<NonZeroU32>,
    /// Send each payload to all other clients, instead of back
    #[arg(long)]
    pub(super) relay: bool,
    /// Mark datagrams for routers (0 to 63; 46 is expedited forwarding)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..64))]
    dscp: Option<u8>,
    /// Stop after this time
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(super) duration: Option<Duration>,
    /// Time for clients to leave by themselves once the server is asked to stop
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub(super) drain: Duration,
    /// Time for which tokens under the previous key are accepted once SIGHUP has read another from
    /// the key file: how long the backend takes to change keys, plus the lifetime of its tokens. 0
    /// after a leak
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "3600",
        value_parser = seconds,
        requires = "file"
    )]
    pub(super) key_overlap: Duration,
    #[command(flatten)]
    pub(super) member: MemberArgs,
    #[command(flatten)]
    pub(super) endpoint: EndpointArgs,
    #[command(flatten)]
    pub(super) log: LogArgs,
    #[command(flatten)]
    network: NetworkArgs,
}

fn restart_rule(text: &str) -> Result<RestartRule> {
    if text == "off" {
        return Ok(RestartRule::AdmitAgain);
    }
    match text.parse().map(Duration::from_secs) {
        Ok(max_token_lifetime) if !max_token_lifetime.is_zero() => {
            Ok(RestartRule::RefuseOlder { max_token_lifetime })
        }
        _ => bail!("seconds, at least 1, or `off`"),
    }
}

impl Args {
    /// Binds and starts the server.
    pub(super) fn start(&self) -> Result<Server<Network>> {
        let key = self.key.require()?;
        let named = resolve(&self.public)?;
        let mut link = self.network.bind(&self.bind, self.dscp)?;
        if self.endpoint.metrics.is_some() {
            link.measure_sending();
        }
        let mut config = ServerConfig::new(
            self.protocol_id,
            key,
            public(&named, &link.local_addresses())?,
            self.max_clients,
            self.max_token_lifetime,
        );
        if self.shared_address {
            config.per_host = SourceLimit::Unlimited;
        }
        config.opens_per_second = self.opens_per_second.or(config.opens_per_second);
        Ok(Server::with_link(link, config)?)
    }
}

/// Addresses that tokens name; without any, the bound ones. No token can contain an address for
/// "all interfaces".
fn public(named: &[SocketAddr], bound: &[SocketAddr]) -> Result<AddressList> {
    if !named.is_empty() {
        return Ok(AddressList::new(named)?);
    }
    let dialled: Vec<SocketAddr> = bound.iter().map(|&bound| on_loopback(bound)).collect();
    if dialled != bound {
        let names: Vec<String> = dialled.iter().map(ToString::to_string).collect();
        warn!(
            "bound to all interfaces, but no --public address: only tokens for {} will work",
            names.join(" and ")
        );
    }
    Ok(AddressList::new(&dialled)?)
}

fn on_loopback(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
