//! Host of a client.

use std::collections::VecDeque;
use std::net::SocketAddr;

use netcode_core::client::ClientState;
use netcode_core::sealed::{DeviceNonce, DeviceSecret, SealerSecret};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::device::Device;
use super::ours::Ours;
use super::reference::Reference;
use crate::backend::{EPOCH, Order};
use crate::bridge::BridgeSession;
use crate::clock::HostClock;
use crate::ground::{Checked, Ground};
use crate::model::client::Connect;
use crate::plan::{
    Afterwards, ClientKind, ClientPlan, DeviceMemory, SECOND, ServerPlan, client_address,
    generator, internal_address, server_address,
};

pub(super) enum Role {
    Ours(Box<Ours>),
    Reference(Box<Reference>),
}

pub(crate) struct ClientHost {
    pub(super) id: usize,
    pub(crate) plan: ClientPlan,
    pub(crate) address: SocketAddr,
    addresses: u16,
    pub(crate) clock: HostClock,
    pub(crate) wake: Option<u64>,
    pub(super) role: Role,
    pub(super) device: Option<Device>,
    pub(crate) bridge: Option<BridgeSession>,
    pub(crate) ticket: Option<usize>,
    send_due: u64,
    /// Virtual time of the next attempt to connect.
    pub(crate) joins: Option<u64>,
    pub(crate) leaves: Option<u64>,
    inbox: VecDeque<(SocketAddr, Vec<u8>)>,
    pub(crate) suspended: Option<usize>,
    /// Payloads received.
    pub(crate) payloads: u64,
    pub(crate) was_connected: bool,
    pub(super) rng: StdRng,
}

impl ClientHost {
    pub(crate) fn new(id: usize, plan: &ClientPlan, g: &Ground, seed: u64) -> Self {
        let mut rng = generator(seed, 2000 + id as u64);
        let device = matches!(plan.kind, ClientKind::Device(_)).then(|| Device {
            secret: DeviceSecret::generate(&mut rng),
            sealer: SealerSecret::generate(&mut rng),
            nonce: DeviceNonce::NONE,
            recorded: Vec::new(),
            newest: 0,
        });
        let mut host = Self {
            id,
            plan: plan.clone(),
            address: plan.address,
            addresses: 0,
            clock: HostClock::new(plan.clock.origin, plan.clock.drift_ppm),
            wake: Some(plan.joins),
            role: match plan.kind {
                ClientKind::Reference => Role::Reference(Box::new(Reference::new(id))),
                _ => Role::Ours(Box::new(Ours::new(id, g))),
            },
            device,
            bridge: plan.bridge.map(|limit| BridgeSession::new(id, 0, limit)),
            ticket: None,
            send_due: 0,
            joins: Some(plan.joins),
            leaves: plan.leaves,
            inbox: VecDeque::new(),
            suspended: None,
            payloads: 0,
            was_connected: false,
            rng,
        };
        host.set_up_device();
        host
    }

    fn now(&self, g: &Ground) -> u64 {
        self.clock.read(g.time)
    }

    pub(crate) fn state(&self) -> ClientState {
        match &self.role {
            Role::Ours(ours) => ours.model.state,
            Role::Reference(reference) => reference.state,
        }
    }

    fn server(&self) -> Option<SocketAddr> {
        match &self.role {
            Role::Ours(ours) => ours.model.server(),
            Role::Reference(reference) => reference.server(),
        }
    }

    /// Token for this client, minted now.
    pub(crate) fn order(&self, g: &Ground, servers: &[ServerPlan]) -> Order {
        let dead = (0..self.plan.dead_addresses).map(|n| SocketAddr::from(([10, 9, 9, n], 9)));
        let of = |server: &usize| {
            if servers[*server].internal {
                internal_address(*server)
            } else {
                server_address(*server)
            }
        };
        let internal: Vec<_> = dead
            .clone()
            .chain(self.plan.servers.iter().map(of))
            .collect();
        Order {
            client_id: self.plan.client_id,
            created: EPOCH + g.time / SECOND,
            lifetime: self.plan.lifetime,
            timeout: self.plan.timeout,
            public: dead
                .chain(self.plan.servers.iter().map(|&it| server_address(it)))
                .collect(),
            internal,
            defect: self.plan.defect,
        }
    }

    fn join(&mut self, g: &mut Ground, servers: &[ServerPlan]) -> Checked {
        let again = self.plan.afterwards == Afterwards::SameToken;
        let ticket = match self.ticket.filter(|_| again) {
            Some(ticket) => ticket,
            None => {
                let order = self.order(g, servers);
                let ticket = g.backend.mint(&order);
                self.deliver_sealed(g, ticket);
                ticket
            }
        };
        self.connect(g, ticket)
    }

    pub(crate) fn connect(&mut self, g: &mut Ground, ticket: usize) -> Checked {
        let now = self.now(g);
        self.tell_device_date(g, now);
        let begun = match &mut self.role {
            Role::Ours(ours) => ours.connect(g, now, ticket)? == Connect::Begins,
            Role::Reference(reference) => reference.connect(now, &g.backend.tickets[ticket]),
        };
        if begun {
            self.ticket = Some(ticket);
            if let (Some(device), Role::Ours(ours)) = (&mut self.device, &self.role) {
                device.newest = ours.newest();
            }
        }
        Ok(())
    }

    /// Power cut: the client forgets everything but what a device keeps.
    pub(crate) fn reboot(&mut self, g: &mut Ground) {
        let now_again = self.plan.afterwards;
        match &mut self.role {
            Role::Ours(ours) => **ours = Ours::new(self.id, g),
            Role::Reference(reference) => **reference = Reference::new(self.id),
        }
        let honest_again = now_again == Afterwards::SameToken;
        if let Some(ticket) = self.ticket.filter(|_| honest_again) {
            // Nothing tells it that the token was used: the standard makes its nonces repeat.
            g.forgive(ticket);
        }
        // A device with nothing but a date opens a session of the same second again.
        if self.plan.kind == ClientKind::Device(DeviceMemory::Date) {
            let recorded = self.device.iter().flat_map(|device| &device.recorded);
            for ticket in recorded.map(|recorded| recorded.ticket).collect::<Vec<_>>() {
                g.forgive(ticket);
            }
        }
        self.set_up_device();
        self.joins = Some(g.time + SECOND / 5);
        self.was_connected = false;
    }

    /// The client's address changes, as behind a NAT that forgets.
    pub(crate) fn rebind(&mut self) {
        self.addresses += 1;
        self.address = client_address(self.id, self.addresses);
        if let (Some(bridge), Some(limit)) = (&mut self.bridge, self.plan.bridge) {
            *bridge = BridgeSession::new(self.id, self.addresses, limit);
        }
    }

    pub(crate) fn arrive(&mut self, g: &mut Ground, from: SocketAddr, bytes: Vec<u8>) -> Checked {
        match self.suspended {
            Some(room) if self.inbox.len() >= room => {
                g.coverage.note("fault: full buffer");
                g.network.count.lost += 1;
                Ok(())
            }
            Some(_) => {
                self.inbox.push_back((from, bytes));
                Ok(())
            }
            None => self.take(g, from, &bytes),
        }
    }

    pub(crate) fn inbox_len(&self) -> u64 {
        self.inbox.len() as u64
    }

    fn take(&mut self, g: &mut Ground, from: SocketAddr, bytes: &[u8]) -> Checked {
        g.network.count.landed += 1;
        let behind = self
            .bridge
            .as_ref()
            .is_some_and(|bridge| bridge.socket == from);
        if behind && let Some(bridge) = &mut self.bridge {
            if let Some((server, datagram)) = bridge.receive(g, bytes) {
                self.receive(g, server, &datagram)?;
            }
        } else {
            self.receive(g, from, bytes)?;
        }
        self.drain(g)
    }

    fn receive(&mut self, g: &mut Ground, from: SocketAddr, bytes: &[u8]) -> Checked {
        let now = self.now(g);
        let server = self.server();
        let payload = match &mut self.role {
            Role::Ours(ours) => ours.receive(g, now, from, bytes)?,
            Role::Reference(reference) => reference.receive(g, now, from, bytes),
        };
        if let (Some(sequence), Some(ticket), Some(server)) = (payload, self.ticket, server) {
            self.payloads += 1;
            if self.was_tricked() {
                return Ok(());
            }
            g.parcel_delivered(ticket, false, sequence, server_of(server))?;
        }
        Ok(())
    }

    /// `true` if the recording of a session may be replayed to this client: the reference's client
    /// does not remember that it has used its token.
    fn was_tricked(&self) -> bool {
        self.plan.kind == ClientKind::Reference && self.plan.afterwards == Afterwards::SameToken
    }

    pub(crate) fn shorten_buffers(&mut self, shorten: bool) {
        if let Role::Ours(ours) = &mut self.role {
            ours.short_buffers = shorten;
        }
    }

    pub(crate) fn resume(&mut self, g: &mut Ground) -> Checked {
        self.suspended = None;
        while let Some((from, bytes)) = self.inbox.pop_front() {
            self.take(g, from, &bytes)?;
        }
        self.drain(g)
    }

    /// Virtual time has reached `wake`.
    pub(crate) fn awake(&mut self, g: &mut Ground, servers: &[ServerPlan]) -> Checked {
        let now = self.now(g);
        if self.joins.is_some_and(|at| at <= g.time) {
            self.joins = None;
            self.join(g, servers)?;
        }
        if self.leaves.is_some_and(|at| at <= g.time) {
            self.leaves = None;
            match &mut self.role {
                Role::Ours(ours) => ours.disconnect(now),
                Role::Reference(reference) => reference.disconnect(g),
            }
        }
        if self.send_due <= g.time && self.state() == ClientState::Connected {
            self.send_due = g.time + self.plan.send_every;
            self.send(g, now)?;
        }
        let connecting = self.state().is_active() && self.state() != ClientState::Connected;
        if self.plan.skips
            && connecting
            && self.rng.random_range(0..20) == 0
            && let Role::Ours(ours) = &mut self.role
        {
            ours.skip_server(now);
        }
        self.drain(g)
    }

    fn send(&mut self, g: &mut Ground, now: u64) -> Checked {
        let most = if self.plan.long_payloads { 1200 } else { 60 };
        let mut payload = vec![0; self.rng.random_range(1..=most)];
        self.rng.fill_bytes(&mut payload);
        let sent = match &mut self.role {
            Role::Ours(ours) => ours.send(g, now, &payload)?,
            Role::Reference(reference) => reference.send(g, now, &payload),
        };
        if let (Some((to, bytes)), Some(ticket)) = (sent, self.ticket) {
            let key = g.backend.tickets[ticket].to_server;
            g.parcel_sent(key, &bytes, server_of(to));
            self.launch(g, to, &bytes)?;
        }
        Ok(())
    }

    fn launch(&mut self, g: &mut Ground, to: SocketAddr, bytes: &[u8]) -> Checked {
        match &mut self.bridge {
            Some(bridge) => bridge.send(g, self.address, to, bytes),
            None => g.launch(self.address, to, bytes),
        }
        g.check_nonces()
    }

    /// Takes all datagrams and events that are due, and sets the next call.
    pub(crate) fn drain(&mut self, g: &mut Ground) -> Checked {
        let now = self.now(g);
        let sent = match &mut self.role {
            Role::Ours(ours) => ours.poll(g, now)?,
            Role::Reference(reference) => reference.poll(g, now),
        };
        for (to, bytes) in sent {
            self.launch(g, to, &bytes)?;
        }
        let connected = self.state() == ClientState::Connected;
        if connected && !self.was_connected {
            self.was_connected = true;
            self.send_due = g.time + self.rng.random_range(0..=self.plan.send_every);
        }
        self.plan_next_join(g);
        let asked = match &self.role {
            Role::Ours(ours) => ours.deadline(now)?,
            Role::Reference(reference) => reference.deadline(),
        };
        let asked = asked.and_then(|asked| self.clock.when(asked));
        let sends = connected.then_some(self.send_due);
        self.wake = asked
            .into_iter()
            .chain(sends)
            .chain(self.joins)
            .chain(self.leaves)
            .min();
        Ok(())
    }

    fn plan_next_join(&mut self, g: &Ground) {
        let ended = !self.state().is_active() && self.ticket.is_some() && self.joins.is_none();
        if ended && self.plan.afterwards != Afterwards::Nothing {
            self.joins = Some(g.time + SECOND);
            self.was_connected = false;
        }
    }
}

/// Number of the server at an address; of none, the number that no server has.
pub(crate) fn server_of(address: SocketAddr) -> usize {
    (0..8)
        .find(|&server| server_address(server) == address)
        .unwrap_or(usize::MAX)
}
