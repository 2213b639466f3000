//! A world: the loop in virtual time, from happening to happening.

mod calm;
mod troubles;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::attackers::{Scene, strike};
use crate::clients::ClientHost;
use crate::coverage::Coverage;
use crate::ground::{Checked, Ground, Violation, check};
use crate::network::Leg;
use crate::plan::{AttackKind, Plan, SECOND, TroubleKind, generator};
use crate::servers::ServerHost;
use crate::trace::Trace;

/// Steps at one time that are taken as a loop without end.
const MOST_STEPS_AT_ONCE: u64 = 200_000;

/// Result of a world.
pub(crate) struct Outcome {
    pub(crate) coverage: Coverage,
    pub(crate) steps: u64,
    /// Virtual time at the end.
    pub(crate) time: u64,
    pub(crate) violation: Option<Violation>,
    pub(crate) trace: Vec<String>,
}

/// Something planned.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Begin(usize),
    End(usize),
    Attack(usize),
    /// All troubles are over, and the latecomer joins.
    Calm,
}

struct World<'p> {
    plan: &'p Plan,
    g: Ground,
    servers: Vec<ServerHost>,
    clients: Vec<ClientHost>,
    deeds: BTreeMap<(u64, usize), Deed>,
    /// Servers that are down.
    down: BTreeSet<usize>,
    /// The client that joins in the calm, and must connect.
    latecomer: Option<usize>,
    ends: u64,
}

/// Runs the world of a plan.
pub(crate) fn run(plan: &Plan, trace: Trace) -> Outcome {
    let mut world = match World::new(plan, trace) {
        Ok(world) => world,
        Err(violation) => {
            return Outcome {
                coverage: Coverage::default(),
                steps: 0,
                time: 0,
                violation: Some(violation),
                trace: Vec::new(),
            };
        }
    };
    let violation = world.run().err();
    if let Some(violation) = &violation {
        let words = format!("{}: {}", violation.invariant, violation.detail);
        world.g.trace.line(world.g.time, "VIOLATED", || words);
    }
    Outcome {
        coverage: world.g.coverage,
        steps: world.g.steps,
        time: world.g.time,
        violation,
        trace: world.g.trace.into_lines(),
    }
}

impl<'p> World<'p> {
    fn new(plan: &'p Plan, trace: Trace) -> Checked<Self> {
        let mut g = Ground::new(plan, trace);
        if plan.attacks.iter().any(|attack| attack.takes_part) {
            g.network.tape = Some(Vec::new());
        }
        let servers = plan.servers.iter().enumerate();
        let servers: Checked<Vec<_>> = servers
            .map(|(id, it)| ServerHost::new(id, it, &mut g, plan.seed))
            .collect();
        let clients = plan.clients.iter().enumerate();
        let clients = clients
            .map(|(id, it)| ClientHost::new(id, it, &g, plan.seed))
            .collect();
        let mut world = Self {
            plan,
            g,
            servers: servers?,
            clients,
            deeds: BTreeMap::new(),
            down: BTreeSet::new(),
            latecomer: None,
            ends: plan.duration + 4 * SECOND,
        };
        world.schedule();
        Ok(world)
    }

    fn schedule(&mut self) {
        let mut deeds = vec![(self.plan.duration, Deed::Calm)];
        for (id, trouble) in self
            .plan
            .troubles
            .iter()
            .enumerate()
            .filter(|(_, it)| it.takes_part)
        {
            deeds.push((trouble.at, Deed::Begin(id)));
            deeds.push((trouble.at + trouble.lasts, Deed::End(id)));
        }
        for (id, attack) in self
            .plan
            .attacks
            .iter()
            .enumerate()
            .filter(|(_, it)| it.takes_part)
        {
            let more: Vec<u64> = match attack.kind {
                // The challenges of its first request have come back by then.
                AttackKind::TwoTokens => [1, 2].map(|n| attack.at + n * 6 * SECOND / 10).into(),
                // Before a device that lost its power asks for a token of its own.
                AttackKind::StolenSealedToken => self.reboots(attack.victim).collect(),
                _ => Vec::new(),
            };
            let times = std::iter::once(attack.at).chain(more);
            deeds.extend(times.map(|at| (at, Deed::Attack(id))));
        }
        for (id, client) in self.clients.iter_mut().enumerate() {
            if !self.plan.clients[id].takes_part {
                client.wake = None;
            }
        }
        self.deeds = deeds
            .into_iter()
            .enumerate()
            .map(|(n, (at, deed))| ((at, n), deed))
            .collect();
    }

    /// Times shortly after each loss of memory of a client.
    fn reboots(&self, victim: usize) -> impl Iterator<Item = u64> {
        let troubles = self.plan.troubles.iter().filter(|it| it.takes_part);
        troubles.filter_map(move |trouble| match trouble.kind {
            TroubleKind::Reboot { client } if client == victim => Some(trouble.at + SECOND / 10),
            _ => None,
        })
    }

    fn next(&self) -> Option<u64> {
        let hosts = self
            .servers
            .iter()
            .filter(|it| it.suspended.is_none())
            .filter_map(|it| it.wake);
        let clients = self
            .clients
            .iter()
            .filter(|it| it.suspended.is_none())
            .filter_map(|it| it.wake);
        let deed = self.deeds.keys().next().map(|(at, _)| *at);
        hosts
            .chain(clients)
            .chain(deed)
            .chain(self.g.network.next())
            .min()
    }

    fn run(&mut self) -> Checked {
        let mut at_once = 0;
        while let Some(next) = self.next().filter(|&next| next <= self.ends) {
            at_once = if next > self.g.time { 0 } else { at_once + 1 };
            check(at_once < MOST_STEPS_AT_ONCE, "deadlines never spin", || {
                format!("at {next}")
            })?;
            self.g.time = self.g.time.max(next);
            self.g.steps += 1;
            self.step()?;
        }
        self.g.time = self.ends;
        self.finish()
    }

    fn step(&mut self) -> Checked {
        let time = self.g.time;
        if let Some(flight) = self.g.network.arrived(time) {
            return self.land(flight.from, flight.to, flight.leg, flight.bytes);
        }
        if let Some(first) = self.deeds.first_entry()
            && first.key().0 <= time
        {
            let deed = first.remove();
            return self.perform(deed);
        }
        let is_due = |wake: Option<u64>| wake.is_some_and(|at| at <= time);
        for server in &mut self.servers {
            if server.suspended.is_none() && is_due(server.wake) {
                return server.awake(&mut self.g);
            }
        }
        for client in &mut self.clients {
            if client.suspended.is_none() && is_due(client.wake) {
                return client.awake(&mut self.g, &self.plan.servers);
            }
        }
        Ok(())
    }

    fn land(&mut self, from: SocketAddr, to: SocketAddr, leg: Leg, bytes: Vec<u8>) -> Checked {
        let g = &mut self.g;
        match leg {
            Leg::ToBridge(client) => {
                if let Some(bridge) = self.clients[client]
                    .bridge
                    .as_mut()
                    .filter(|it| it.socket == to)
                {
                    bridge.up(g, &bytes);
                    return Ok(());
                }
            }
            Leg::FromBridge(client) => {
                let client = &mut self.clients[client];
                if client.address == to {
                    return client.arrive(g, from, bytes);
                }
            }
            Leg::Open => {
                if let Some(server) = self.servers.iter_mut().find(|it| it.address == to) {
                    if self.down.contains(&server.id) && server.suspended.is_none() {
                        // The socket of a server that was killed is closed.
                        g.network.count.lost += 1;
                        return Ok(());
                    }
                    return server.arrive(g, from, bytes);
                }
                for client in &mut self.clients {
                    let address = client.address;
                    match &mut client.bridge {
                        Some(bridge) if bridge.socket == to => {
                            bridge.down(g, from, &bytes, address);
                            return Ok(());
                        }
                        None if address == to => return client.arrive(g, from, bytes),
                        _ => {}
                    }
                }
            }
        }
        // No host has that address.
        g.network.count.lost += 1;
        Ok(())
    }

    fn perform(&mut self, deed: Deed) -> Checked {
        let time = self.g.time;
        match deed {
            Deed::Begin(id) => {
                let trouble = &self.plan.troubles[id];
                self.g
                    .trace
                    .line(time, "trouble", || format!("{trouble:?}"));
                self.begin(trouble)
            }
            Deed::End(id) => {
                let trouble = &self.plan.troubles[id];
                self.g
                    .trace
                    .line(time, "trouble", || format!("ends: {:?}", trouble.kind));
                self.end(trouble)
            }
            Deed::Attack(id) => {
                let attack = &self.plan.attacks[id];
                self.g
                    .trace
                    .line(time, "attacker", || format!("{attack:?}"));
                let mut rng = generator(self.plan.seed, 5000 + id as u64 + time);
                let mut scene = Scene {
                    g: &mut self.g,
                    plan: self.plan,
                    clients: &mut self.clients,
                    rng: &mut rng,
                };
                strike(&mut scene, attack)
            }
            Deed::Calm => self.calm(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_world_every_time() {
        for seed in 1..4 {
            let plan = Plan::from_seed(seed);
            let [one, other] = [run(&plan, Trace::on()), run(&plan, Trace::on())];
            assert!(one.violation.is_none() && one.trace.len() > 100);
            assert_eq!(one.trace, other.trace);
        }
    }
}
