//! `netcode server`: a dedicated server that echoes, or relays.

mod report;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use netcode_std::bridge::{AllowRule, Bridge};
use netcode_std::core::address::AddressList;
use netcode_std::core::server::ServerConfig;
use netcode_std::core::{ClientIndex, ProtocolId};
use netcode_std::{RECEIVE_BUFFER_BYTES, Server};

use self::report::Report;
use crate::bridge::{self, BrowserArgs};
use crate::network::{Network, NetworkArgs};
use crate::secret::KeyArgs;
use crate::signal::Stop;
use crate::text::{protocol_id, seconds};
use crate::token::resolve;

/// Run a dedicated server that sends every payload back
///
/// It ends, and says goodbye to its clients, at Ctrl-C.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    key: KeyArgs,
    /// The application, the same for client, server and token
    #[arg(long, value_parser = protocol_id)]
    protocol_id: ProtocolId,
    /// Where to listen: one address, or one of each family
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:40000")]
    bind: Vec<SocketAddr>,
    /// The addresses tokens name this server by, if those are not the bound ones: behind NAT, or
    /// when bound to all interfaces
    #[arg(long = "public", value_name = "HOST:PORT")]
    public: Vec<String>,
    /// Clients at a time
    #[arg(long, value_name = "N", default_value_t = 16)]
    max_clients: usize,
    /// The longest lifetime the backend gives a token; with it, tokens from before a restart are
    /// refused, so that none is used twice
    #[arg(long, value_name = "SECONDS")]
    max_token_lifetime: Option<u64>,
    /// Send each payload to all other clients, instead of back
    #[arg(long)]
    relay: bool,
    /// Mark datagrams for routers (0 to 63; 46 is expedited forwarding)
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..64))]
    dscp: Option<u8>,
    /// Let browsers in too, at this address: see `netcode bridge`
    #[arg(long, value_name = "ADDRESS")]
    bridge: Option<SocketAddr>,
    /// Stop after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    duration: Option<Duration>,
    /// Events as JSON, one object on each line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    browsers: BrowserArgs,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut config = ServerConfig::new(
        args.protocol_id,
        args.key.require()?,
        public(args)?,
        args.max_clients,
    );
    config.max_token_lifetime = args.max_token_lifetime;
    let link = args.network.bind(&args.bind, args.dscp)?;
    let mut server = Server::with_link(link, config)?;
    let mut report = Report::new(args.json);
    report.listening(&server)?;
    let bridge = Browsers::let_in(args, &server)?;

    let stop = Stop::listen()?;
    let end = args.duration.map(|duration| Instant::now() + duration);
    while !stop.wanted() && end.is_none_or(|end| Instant::now() < end) {
        turn(&mut server, args.relay, &mut report)?;
        bridge.report()?;
        server.wait(Duration::from_millis(50))?;
    }
    server.stop()?;
    report.events(&mut server)?;
    bridge.stop()?;
    report.stopped(&server)
}

/// Whatever a token calls this server, datagrams reach it on this machine.
fn rules(server: &Server<Network>) -> impl Iterator<Item = AllowRule> {
    let bound: Vec<_> = server
        .local_addresses()
        .into_iter()
        .map(on_loopback)
        .collect();
    server.public_addresses().filter_map(move |public| {
        let same_family = |bound: &&SocketAddr| bound.is_ipv4() == public.is_ipv4();
        let via = bound.iter().find(same_family).or(bound.first())?;
        Some(AllowRule::reached_via(public, *via))
    })
}

/// The bridge in this process, if one was asked for.
struct Browsers(Option<(Bridge, bridge::Report)>);

impl Browsers {
    fn let_in(args: &Args, server: &Server<Network>) -> Result<Self> {
        let Some(listen) = args.bridge else {
            return Ok(Self(None));
        };
        let bridge = bridge::start_for(rules(server), listen, &args.browsers)?;
        let report = bridge::Report::new(args.json);
        report.listening(&bridge)?;
        Ok(Self(Some((bridge, report))))
    }

    fn report(&self) -> Result<()> {
        match &self.0 {
            Some((bridge, report)) => report.events(bridge),
            None => Ok(()),
        }
    }

    fn stop(&self) -> Result<()> {
        let Some((bridge, report)) = &self.0 else {
            return Ok(());
        };
        bridge.end_sessions();
        report.events(bridge)?;
        report.stopped(bridge)
    }
}

/// The addresses tokens name; without any, the bound ones. An address that means "all interfaces"
/// can be in no token.
fn public(args: &Args) -> Result<AddressList> {
    let mut hosts = resolve(&args.public)?;
    if hosts.is_empty() && args.bind.iter().any(|bound| bound.ip().is_unspecified()) {
        hosts = args.bind.iter().map(|&bound| on_loopback(bound)).collect();
        eprintln!(
            "netcode: bound to all interfaces, but no --public address: only tokens for {} \
             will work",
            hosts
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" and ")
        );
    }
    Ok(AddressList::new(&hosts).or_else(|error| {
        // None at all means the bound ones, ports of the system's choice included.
        if hosts.is_empty() {
            Ok(AddressList::EMPTY)
        } else {
            Err(error)
        }
    })?)
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
    let mut buffer = [0; RECEIVE_BUFFER_BYTES];
    while let Some(message) = server.receive(&mut buffer)? {
        if relay {
            for client in others(server, message.client) {
                send(server, client, message.payload)?;
            }
        } else {
            send(server, message.client, message.payload)?;
        }
    }
    report.events(server)?;
    report.draw(server);
    Ok(())
}

fn others(server: &Server<Network>, sender: ClientIndex) -> Vec<ClientIndex> {
    server
        .clients()
        .map(|info| info.client)
        .filter(|&client| client != sender)
        .collect()
}

/// A client that left in the meantime misses its payload; only a broken socket is an error.
fn send(server: &mut Server<Network>, client: ClientIndex, payload: &[u8]) -> Result<()> {
    match server.send(client, payload) {
        Ok(()) | Err(netcode_std::TransferError::Send(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
