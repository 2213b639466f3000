//! Placement at a fixed list of servers, without knowledge of their slots: a full server denies the
//! connection itself.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::{Address, Ask, Placed, Placement};
use crate::api::{Code, Refusal};

/// Fixed list of servers, named in turn.
pub struct FixedList {
    servers: Vec<SocketAddr>,
    /// Servers named in each token.
    servers_per_token: usize,
    turn: AtomicUsize,
}

impl FixedList {
    /// List of servers. Each token names the next one and up to `alternatives` that follow it; see
    /// [`FleetConfig::alternatives`](super::FleetConfig::alternatives) before raising it above 0.
    pub fn new(servers: Vec<SocketAddr>, alternatives: usize) -> Self {
        Self {
            servers_per_token: alternatives.saturating_add(1).min(servers.len()),
            servers,
            turn: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl Placement for FixedList {
    async fn place(&self, ask: &Ask) -> Result<Placed, Refusal> {
        if !ask.labels.is_empty() || self.servers.is_empty() {
            let detail = "servers of a fixed list have no labels: ask without any";
            return Err(Refusal::new(Code::NoFreeSlot, detail));
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(self.servers.len()).unwrap_or(0);
        let order = self.servers.iter().cycle().skip(first);
        Ok(Placed {
            server: None,
            addresses: order
                .take(self.servers_per_token)
                .copied()
                .map(Address::from)
                .collect(),
            bridge: None,
        })
    }

    async fn give_back(&self, _ask: &Ask, _placed: &Placed) {}
}
