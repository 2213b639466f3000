//! Sockets of the command, with an optional network simulator.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use netcode_std::{
    Conditions, Link, Simulator, SimulatorStats, SocketOptions, SocketStats, UdpLink,
};

use crate::text::{milliseconds, percent};

/// Options that put the simulator in.
const SIMULATED: [&str; 4] = ["loss", "duplicates", "latency", "jitter"];

/// Network simulator: conditions for datagrams in each direction.
#[derive(clap::Args, Clone, Copy)]
#[command(next_help_heading = "A bad network")]
#[command(group = clap::ArgGroup::new("simulator").multiple(true).args(SIMULATED))]
pub(crate) struct NetworkArgs {
    /// Percent of datagrams to lose, in each direction
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    loss: f64,
    /// Percent of datagrams to deliver twice
    #[arg(long, value_name = "PERCENT", default_value = "0", value_parser = percent)]
    duplicates: f64,
    /// Minimum delay of each datagram, milliseconds
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    latency: Duration,
    /// Maximum additional delay, milliseconds; reorders datagrams
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    jitter: Duration,
    /// Seed of the simulator's random decisions
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        requires = "simulator"
    )]
    seed: u64,
}

impl NetworkArgs {
    fn conditions(&self) -> Conditions {
        Conditions {
            latency: self.latency,
            jitter: self.jitter,
            loss: self.loss,
            duplicates: self.duplicates,
            seed: self.seed,
        }
    }

    /// Maximum round trip, with the simulator on one end.
    pub(crate) fn longest_round_trip(&self) -> Duration {
        (self.latency + self.jitter) * 2
    }

    /// Binds sockets, behind the simulator if its options are set.
    pub(crate) fn bind(&self, addresses: &[SocketAddr], dscp: Option<u8>) -> Result<Network> {
        let options = SocketOptions {
            dscp,
            ..SocketOptions::default()
        };
        let link = UdpLink::bind(addresses, &options)
            .map_err(|error| anyhow!("cannot bind {error}{}", remedy(error.kind())))?;
        let perfect = Conditions {
            seed: self.seed,
            ..Conditions::default()
        };
        Ok(if self.conditions() == perfect {
            Network::new(Sockets::Good(link))
        } else {
            let simulator = Simulator::new(link, self.conditions());
            Network::new(Sockets::Bad(Box::new(simulator)))
        })
    }
}

/// Remedy for an address that cannot be bound, where the error does not name it.
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => {
            " (end the program that has the port, or choose another with --bind)"
        }
        io::ErrorKind::AddrNotAvailable => {
            " (--bind names an address of this machine; the one clients dial goes to --public)"
        }
        io::ErrorKind::PermissionDenied => " (ports below 1024 may need privileges)",
        _ => "",
    }
}

/// Sockets, with or without the simulator.
pub(crate) struct Network {
    sockets: Sockets,
    /// Time spent with sending, if it is measured.
    sending: Option<Duration>,
}

enum Sockets {
    Good(UdpLink),
    Bad(Box<Simulator<UdpLink>>),
}

impl Network {
    fn new(sockets: Sockets) -> Self {
        Self {
            sockets,
            sending: None,
        }
    }

    fn link(&mut self) -> &mut dyn Link {
        match &mut self.sockets {
            Sockets::Good(link) => link,
            Sockets::Bad(link) => &mut **link,
        }
    }

    fn simulator(&self) -> Option<&Simulator<UdpLink>> {
        match &self.sockets {
            Sockets::Good(_) => None,
            Sockets::Bad(simulator) => Some(simulator),
        }
    }

    fn udp(&self) -> &UdpLink {
        match &self.sockets {
            Sockets::Good(link) => link,
            Sockets::Bad(simulator) => simulator.link(),
        }
    }

    /// Measures the time spent with sending from now on.
    pub(crate) fn measure_sending(&mut self) {
        self.sending = Some(Duration::ZERO);
    }

    /// Time spent with sending since it is measured.
    pub(crate) fn sending(&self) -> Duration {
        self.sending.unwrap_or_default()
    }

    fn measured<T>(&mut self, send: impl FnOnce(&mut dyn Link) -> T) -> T {
        let began = self.sending.is_some().then(Instant::now);
        let sent = send(self.link());
        if let (Some(sending), Some(began)) = (&mut self.sending, began) {
            *sending = sending.saturating_add(began.elapsed());
        }
        sent
    }

    /// Counters of the sockets.
    pub(crate) fn socket_stats(&self) -> SocketStats {
        self.udp().stats()
    }

    /// Counters of the simulator.
    pub(crate) fn stats(&self) -> SimulatorStats {
        self.simulator().map(Simulator::stats).unwrap_or_default()
    }

    /// Maximum time of a datagram in flight.
    pub(crate) fn patience(&self) -> Duration {
        self.simulator().map_or(Duration::ZERO, |simulator| {
            let conditions = simulator.conditions();
            conditions.latency + conditions.jitter + Duration::from_millis(100)
        })
    }

    /// Datagrams held by the simulator.
    pub(crate) fn under_way(&self) -> usize {
        self.simulator().map_or(0, Simulator::under_way)
    }
}

impl Link for Network {
    fn turn(&mut self, now: Instant) {
        self.link().turn(now);
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        self.link().receive(buffer)
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.measured(|link| link.send(to, datagram))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.measured(|link| link.flush())
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        self.link().wait(timeout)
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        self.udp().local_addresses()
    }
}
