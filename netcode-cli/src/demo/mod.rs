//! `netcode demo`: a server and its clients in one process, over real UDP, every byte checked.

mod client;
mod crowd;
mod payload;
mod summary;
mod totals;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use netcode_service::StopSignal;
use netcode_std::core::ProtocolId;
use netcode_std::core::address::AddressList;
use netcode_std::core::crypto::Key;
use netcode_std::core::server::{RestartRule, ServerConfig, SourceLimit};
use netcode_std::{Server, UdpLink, generator};

use self::crowd::Crowd;
use self::summary::Summary;
use crate::failure::Failure;
use crate::live::Live;
use crate::network::{Network, NetworkArgs};
use crate::text::seconds;

/// Protocol id of the demonstration: "netcode!" in ASCII.
const PROTOCOL_ID: ProtocolId = ProtocolId(0x6e65_7463_6f64_6521);

/// Clients connect to a server over real UDP and exchange payloads, every byte checked
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of clients
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    clients: u32,
    /// Duration of the exchange
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = some_seconds)]
    seconds: Duration,
    /// Bytes of each payload, 1 to 1200
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1200))]
    payload: u16,
    /// Print one JSON object, and no progress
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

fn some_seconds(text: &str) -> Result<Duration> {
    match seconds(text)? {
        Duration::ZERO => Err(anyhow!("in no time no payload comes back")),
        time => Ok(time),
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let stop = StopSignal::listen()?;
    let key = Key::generate(&mut generator().context("the system has no randomness")?);
    let mut server = start_server(args, &key)?;
    let mut crowd = Crowd::invite(args.clients, args.payload.into(), &key, &server)?;
    let progress = if args.json {
        Live::hidden()
    } else {
        Live::shown()
    };

    let began = Instant::now();
    while !crowd.is_connected() {
        step(&mut server, &mut crowd, &stop)?;
        progress.line(|| {
            let connected = server.core().connected_count();
            format!("connecting: {connected} of {} clients", args.clients)
        });
        crowd.check_progress(began.elapsed())?;
    }
    let connecting = began.elapsed();
    // Requests are not in a client's counters, so counting begins after the handshakes.
    let before = settle(&mut server, &mut crowd)?;

    let began = Instant::now();
    crowd.patience = args.network.longest_round_trip() + Duration::from_secs(1);
    while began.elapsed() < args.seconds {
        crowd.send(Instant::now())?;
        step(&mut server, &mut crowd, &stop)?;
        progress.line(|| {
            let left = args.seconds.saturating_sub(began.elapsed()).as_secs_f64();
            format!(
                "{} payloads came back, {left:.1} s left",
                crowd.totals.echoed
            )
        });
    }
    let exchanging = began.elapsed();
    while crowd.in_flight() > 0 {
        step(&mut server, &mut crowd, &stop)?;
    }
    let unexplained = settle(&mut server, &mut crowd)? - before;

    let summary = Summary::new(args, &server, &crowd, connecting, exchanging, unexplained);
    end_sessions(&mut server, &mut crowd, args)?;
    progress.clear();
    summary.show(args.json)?;
    summary.verdict()
}

/// Starts a server on IPv4 and IPv6, or on the one that the system has.
fn start_server(args: &Args, key: &Key) -> Result<Server<Network>> {
    let families: [SocketAddr; 2] = [
        (Ipv4Addr::LOCALHOST, 0).into(),
        (Ipv6Addr::LOCALHOST, 0).into(),
    ];
    let usable: Vec<SocketAddr> = families
        .into_iter()
        .filter(|&address| {
            UdpLink::bind(&[address], &netcode_std::SocketOptions::default()).is_ok()
        })
        .collect();
    let link = args.network.bind(&usable, None)?;
    // The key is drawn for this demonstration, and all its clients are on this machine.
    let mut config = ServerConfig::new(
        PROTOCOL_ID,
        key.clone(),
        AddressList::EMPTY,
        args.clients,
        RestartRule::AdmitAgain,
    );
    config.per_host = SourceLimit::Unlimited;
    Ok(Server::with_link(link, config)?)
}

/// Runs one turn of the server and of every client.
fn step(server: &mut Server<Network>, crowd: &mut Crowd, stop: &StopSignal) -> Result<()> {
    if stop.is_requested() {
        return Err(anyhow!("stopped before the end"));
    }
    let now = Instant::now();
    server.update(now)?;
    crowd.echo(server)?;
    crowd.update(now)?;
    if crowd.is_idle() {
        server.wait(Duration::from_millis(1))?;
    }
    Ok(())
}

/// Reads every socket until it is empty, without sending, and counts the datagrams that neither
/// arrived nor were dropped by the simulator.
fn settle(server: &mut Server<Network>, crowd: &mut Crowd) -> Result<i128> {
    server.update(Instant::now())?;
    crowd.echo(server)?;
    crowd.receive(Instant::now())?;
    let (stats, network) = (server.core().stats(), server.link().stats());
    let sent = stats.datagrams_out + crowd.datagrams_out() + network.duplicated;
    let held = network.lost + server.link().under_way() as u64;
    let arrived = stats.datagrams_in + crowd.datagrams_in();
    Ok(i128::from(sent) - i128::from(held) - i128::from(arrived))
}

/// Ends half of the sessions from the client and half from the server; both sides observe it.
fn end_sessions(server: &mut Server<Network>, crowd: &mut Crowd, args: &Args) -> Result<()> {
    crowd.first_half_leaves(Instant::now())?;
    server.disconnect_all()?;
    let limit = Duration::from_secs(11) + args.network.longest_round_trip();
    let began = Instant::now();
    while server.core().connected_count() > 0 || crowd.connected_count() > 0 {
        server.update(Instant::now())?;
        crowd.echo(server)?;
        crowd.update(Instant::now())?;
        if began.elapsed() > limit {
            return Err(Failure::Lost("a disconnect was never seen".to_owned()).into());
        }
        server.wait(Duration::from_millis(1))?;
    }
    Ok(())
}
