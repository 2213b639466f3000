//! Clients of the demonstration.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Result;
use netcode_std::core::ClientId;
use netcode_std::core::crypto::Key;
use netcode_std::core::server::Event;
use netcode_std::core::token::{TokenSpec, mint};
use netcode_std::{RECEIVE_BUFFER_BYTES, Server, generator, unix_time};

use super::client::DemoClient;
use super::totals::Totals;
use crate::failure::Failure;
use crate::network::Network;

/// Payloads in flight at a time, all clients together: as many as fit default socket buffers, so
/// that the demonstration itself causes no loss.
const MOST_IN_FLIGHT: usize = 96;

/// Time limit for the slowest client to connect.
const PATIENCE_TO_CONNECT: Duration = Duration::from_secs(60);

pub(super) struct Crowd {
    clients: Vec<DemoClient>,
    /// Next client to send.
    next: usize,
    /// `true` if the last turn received nothing.
    idle: bool,
    /// Time after which a payload counts as lost.
    pub(super) patience: Duration,
    pub(super) totals: Totals,
}

impl Crowd {
    /// Mints a token for each client and starts to connect. Every second client prefers IPv6, if
    /// the server has it.
    pub(super) fn invite(
        count: u32,
        payload: usize,
        key: &Key,
        server: &Server<Network>,
    ) -> Result<Self> {
        let mut rng = generator()?;
        let mut addresses = server.local_addresses();
        let mut clients = Vec::new();
        for id in 1..=u64::from(count) {
            addresses.rotate_left(1);
            let now = unix_time();
            let servers = addresses.get(..1).unwrap_or_default();
            let spec = TokenSpec::new(super::PROTOCOL_ID, ClientId(id), servers, now)
                .with_lifetime(PATIENCE_TO_CONNECT);
            let token = mint(&spec, key, &mut rng)?;
            let local = addresses
                .first()
                .map_or_else(|| any(true), |it| any(it.is_ipv4()));
            clients.push(DemoClient::new(id, local, payload, &token)?);
        }
        Ok(Self {
            clients,
            next: 0,
            idle: false,
            patience: PATIENCE_TO_CONNECT,
            totals: Totals::default(),
        })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.clients
            .iter()
            .all(|demo_client| demo_client.client.is_connected())
    }

    pub(super) fn connected_count(&self) -> usize {
        self.clients
            .iter()
            .filter(|demo_client| !demo_client.has_left())
            .count()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.clients.iter().map(DemoClient::in_flight).sum()
    }

    /// `true` if there is nothing to do until something arrives.
    pub(super) fn is_idle(&self) -> bool {
        self.idle
    }

    pub(super) fn check_progress(&self, elapsed: Duration) -> Result<()> {
        if elapsed < PATIENCE_TO_CONNECT {
            return Ok(());
        }
        let missing = self
            .clients
            .iter()
            .filter(|demo_client| !demo_client.client.is_connected())
            .count();
        Err(Failure::NoConnection(format!("{missing} clients never connected")).into())
    }

    /// Fills the window, the clients in turn.
    pub(super) fn send(&mut self, now: Instant) -> Result<()> {
        let mut room = MOST_IN_FLIGHT.saturating_sub(self.in_flight());
        let mut refused = 0;
        while room > 0 && refused < self.clients.len() {
            self.next = (self.next + 1) % self.clients.len();
            let Some(demo_client) = self.clients.get_mut(self.next) else {
                break;
            };
            if demo_client.send(now, &mut self.totals)? {
                room -= 1;
                refused = 0;
            } else {
                refused += 1;
            }
        }
        Ok(())
    }

    /// Runs every client's turn.
    pub(super) fn update(&mut self, now: Instant) -> Result<()> {
        for demo_client in &mut self.clients {
            demo_client.update(now)?;
        }
        let received = self.receive(now)?;
        self.idle = received == 0;
        for demo_client in &mut self.clients {
            demo_client.give_up(now, self.patience, &mut self.totals);
        }
        Ok(())
    }

    /// Receives replies, and sends nothing.
    pub(super) fn receive(&mut self, now: Instant) -> Result<usize> {
        let mut received = 0;
        for demo_client in &mut self.clients {
            received += demo_client.receive(now, &mut self.totals)?;
        }
        Ok(received)
    }

    /// Server's side of an exchange: sends every payload back.
    pub(super) fn echo(&self, server: &mut Server<Network>) -> Result<()> {
        let mut buffer = [0; RECEIVE_BUFFER_BYTES];
        while let Some(event) = server.next_event(&mut buffer)? {
            if let Event::Payload {
                client, payload, ..
            } = event
            {
                server.send(client, payload)?;
            }
        }
        Ok(())
    }

    pub(super) fn first_half_leaves(&mut self, now: Instant) -> Result<()> {
        let half = self.clients.len() / 2;
        for demo_client in self.clients.iter_mut().take(half) {
            demo_client.client.update(now)?;
            demo_client.client.disconnect()?;
        }
        Ok(())
    }

    pub(super) fn datagrams_out(&self) -> u64 {
        self.clients
            .iter()
            .map(|demo_client| demo_client.client.core().stats().datagrams_out)
            .sum()
    }

    pub(super) fn datagrams_in(&self) -> u64 {
        let each = self.clients.iter().map(|demo_client| {
            demo_client.client.core().stats().datagrams_in
                + demo_client.client.core().dropped().total()
        });
        each.sum()
    }

    /// Round trips of the handshakes, sorted.
    pub(super) fn handshakes(&self) -> Vec<Duration> {
        let stats = self
            .clients
            .iter()
            .map(|demo_client| demo_client.client.core().stats());
        let mut times: Vec<Duration> = stats
            .filter_map(|stats| stats.handshake_round_trip)
            .collect();
        times.sort_unstable();
        times
    }
}

fn any(ipv4: bool) -> SocketAddr {
    if ipv4 {
        (Ipv4Addr::LOCALHOST, 0).into()
    } else {
        (Ipv6Addr::LOCALHOST, 0).into()
    }
}
