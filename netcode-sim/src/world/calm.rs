//! The end of a world: a calm in which an honest client must connect, and the last accounts.

use netcode_core::Dropped;
use netcode_core::client::ClientState;

use super::World;
use crate::backend::Defect;
use crate::clients::ClientHost;
use crate::ground::{Checked, check};
use crate::network::Weather;
use crate::plan::{Afterwards, ClientKind, ClientPlan, ClockPlan, LATECOMER, SECOND, TroubleKind};
use crate::servers::ServerHost;

impl World<'_> {
    /// The network is fine from now on, and a new client comes, which must connect.
    pub(super) fn calm(&mut self) -> Checked {
        self.g.network.weather = Weather::FINE;
        self.g.network.cuts.clear();
        let id = self.clients.len();
        let server = 0;
        let longest = self.plan.servers[server].refuse_older;
        let plan = ClientPlan {
            takes_part: true,
            kind: ClientKind::Ours,
            client_id: LATECOMER,
            address: ([198, 51, 100, 1], 5_555).into(),
            servers: vec![server],
            dead_addresses: 0,
            joins: self.g.time,
            leaves: None,
            afterwards: Afterwards::Nothing,
            timeout: 3,
            lifetime: longest.map_or(20, |longest| longest - 1),
            defect: Defect::None,
            bridge: None,
            send_every: SECOND / 10,
            long_payloads: false,
            skips: false,
            clock: ClockPlan {
                origin: 0,
                drift_ppm: 0,
            },
        };
        self.clients
            .push(ClientHost::new(id, &plan, &self.g, self.plan.seed));
        self.latecomer = Some(id);
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Checked {
        for server in &mut self.servers {
            server.finish(&mut self.g)?;
        }
        let count = self.g.network.count;
        let waiting: u64 = self.servers.iter().map(ServerHost::inbox_len).sum::<u64>()
            + self.clients.iter().map(ClientHost::inbox_len).sum::<u64>();
        let sent = count.launched + count.doubled;
        let arrived = count.landed + count.lost + waiting + self.g.network.in_flight();
        check(sent == arrived, "counters add up", || {
            format!("{sent} datagrams sent, {arrived} accounted for: {count:?}")
        })?;
        self.check_latecomer()
    }

    /// In the calm, an honest client connects and payloads flow both ways, unless a table of the
    /// server is full.
    pub(super) fn check_latecomer(&mut self) -> Checked {
        let Some(client) = self.latecomer.map(|id| &self.clients[id]) else {
            return Ok(());
        };
        let server = &self.servers[0];
        if client.state() == ClientState::Connected {
            self.g.coverage.note("latecomer: connected");
            let up = server.payloads_from.get(&LATECOMER).copied().unwrap_or(0);
            let flows = client.payloads > 0 && up > 0;
            return check(flows, "payloads flow in a calm network", || {
                format!("{up} up, {} down", client.payloads)
            });
        }
        let wrong_date = self
            .plan
            .troubles
            .iter()
            .any(|it| it.takes_part && matches!(it.kind, TroubleKind::Date { .. }));
        let refusal = server.refusals.get(&client.address);
        let excused = match refusal {
            Some(None) => client.state() == ClientState::ConnectionDenied,
            Some(Some(reason)) => match reason {
                Dropped::HistoryFull
                | Dropped::HalfOpenFull
                | Dropped::HostLimit
                | Dropped::IdLimit
                | Dropped::OverBudget => true,
                Dropped::TokenExpired | Dropped::TokenLifetime | Dropped::TokenBeforeStart => {
                    wrong_date
                }
                _ => false,
            },
            None => false,
        };
        check(excused, "every honest client connects", || {
            format!(
                "the latecomer is {}, refused for {refusal:?}",
                client.state()
            )
        })
    }
}
