//! `netcode server`: a dedicated server that echoes or relays payloads.

mod report;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use netcode_std::core::ProtocolId;
use netcode_std::core::address::AddressList;
use netcode_std::core::server::{Event, RestartRule, ServerConfig, SourceLimit};
use netcode_std::{Link as _, RECEIVE_BUFFER_BYTES, Server};

use self::report::Report;
use crate::network::{Network, NetworkArgs};
use crate::secret::KeyArgs;
use crate::signal::Stop;
use crate::text::{protocol_id, say, seconds};
use crate::token::resolve;

/// Run a dedicated server that sends every payload back
///
/// At Ctrl-C it disconnects its clients and ends.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// Protocol id of the application, the same for client, server and token
    #[arg(long, value_parser = protocol_id)]
    protocol_id: ProtocolId,
    /// Address to listen at: one, or one of each family
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:40000")]
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
    relay: bool,
    /// Mark datagrams for routers (0 to 63; 46 is expedited forwarding)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..64))]
    dscp: Option<u8>,
    /// Stop after this time
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    /// Print events as JSON, one object on each line
    #[arg(long)]
    json: bool,
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

pub(crate) fn run(args: &Args) -> Result<()> {
    let key = args.key.require()?;
    let named = resolve(&args.public)?;
    let link = args.network.bind(&args.bind, args.dscp)?;
    let mut config = ServerConfig::new(
        args.protocol_id,
        key,
        public(&named, &link.local_addresses())?,
        args.max_clients,
        args.max_token_lifetime,
    );
    if args.shared_address {
        config.per_host = SourceLimit::Unlimited;
    }
    config.opens_per_second = args.opens_per_second.or(config.opens_per_second);
    let mut server = Server::with_link(link, config)?;
    let mut report = Report::new(args.json);
    report.listening(&server)?;

    let stop = Stop::listen()?;
    let end = args.duration.map(|duration| Instant::now() + duration);
    let mut ended = Ok(());
    while ended.is_ok() && !stop.wanted() && end.is_none_or(|end| Instant::now() < end) {
        ended = turn(&mut server, args.relay, &mut report);
        server.wait(Duration::from_millis(50))?;
    }
    // The clients are notified, whatever ended the loop.
    let flushed = disconnect_and_flush(&mut server, &mut report);
    ended?;
    flushed?;
    report.stopped(&server)
}

/// Disconnects all clients, and waits until the simulator has delivered the datagrams.
fn disconnect_and_flush(server: &mut Server<Network>, report: &mut Report) -> Result<()> {
    server.stop()?;
    let end = Instant::now() + server.link().patience();
    while server.link().under_way() > 0 && Instant::now() < end {
        turn(server, false, report)?;
        server.wait(Duration::from_millis(10))?;
    }
    drain(server, false, report)
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
        say(format_args!(
            "bound to all interfaces, but no --public address: only tokens for {} will work",
            names.join(" and ")
        ));
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

fn turn(server: &mut Server<Network>, relay: bool, report: &mut Report) -> Result<()> {
    server.update(Instant::now())?;
    drain(server, relay, report)?;
    report.draw(server);
    Ok(())
}

/// Takes every event of the turn: sends payloads back, or to all other clients.
fn drain(server: &mut Server<Network>, relay: bool, report: &mut Report) -> Result<()> {
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(event) = server.next_event(&mut buffer)? {
        match event {
            Event::Payload {
                client, payload, ..
            } if relay => {
                server.broadcast_except(client, payload)?;
            }
            Event::Payload {
                client, payload, ..
            } => {
                server.send(client, payload)?;
            }
            event => report.event(server, &event)?,
        }
    }
    Ok(())
}
