//! The bridge in a server's own process: `netcode server --bridge`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use netcode_std::Server;
use netcode_std::bridge::{AllowRule, Bridge};

use super::on_loopback;
use crate::bridge::{self, BrowserArgs};
use crate::network::Network;

/// How long browsers have to hear that the server has stopped.
const GOODBYE: Duration = Duration::from_secs(1);

/// The bridge in this process, if one was asked for.
pub(super) struct Browsers(Option<(Bridge, bridge::Report)>);

impl Browsers {
    pub(super) fn let_in(
        server: &Server<Network>,
        listen: Option<SocketAddr>,
        args: &BrowserArgs,
        json: bool,
    ) -> Result<Self> {
        let Some(listen) = listen else {
            return Ok(Self(None));
        };
        let bridge = bridge::start_for(rules(server), listen, args)?;
        let report = bridge::Report::new(json);
        report.listening(&bridge)?;
        Ok(Self(Some((bridge, report))))
    }

    pub(super) fn report(&self) -> Result<()> {
        match &self.0 {
            Some((bridge, report)) => report.events(bridge),
            None => Ok(()),
        }
    }

    /// Ends the bridge of a server that has stopped. Its clients hear so from the server itself,
    /// and then end their sessions; only who does not is told by the bridge.
    pub(super) fn stop(&self) -> Result<()> {
        let Some((bridge, report)) = &self.0 else {
            return Ok(());
        };
        bridge.drain();
        let end = Instant::now() + GOODBYE;
        while bridge.stats().sessions > 0 && Instant::now() < end {
            if let Some(event) = bridge.wait_event(Duration::from_millis(50)) {
                report.event(&event)?;
            }
        }
        bridge.end_sessions();
        report.events(bridge)?;
        report.stopped(bridge)
    }
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
