//! State that all actors of a world share: time, network, backend, ledger, and the books of invariants
//! that concern more than one of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::backend::Backend;
use crate::coverage::Coverage;
use crate::ledger::{Ledger, SharedLedger};
use crate::network::{Flight, Leg, Network};
use crate::plan::{Plan, generator};
use crate::trace::{Trace, words};
use crate::wire;

/// Invariant that did not hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: &'static str,
    pub(crate) detail: String,
}

pub(crate) type Checked<T = ()> = Result<T, Violation>;

pub(crate) fn violation<T>(invariant: &'static str, detail: impl Into<String>) -> Checked<T> {
    Err(Violation {
        invariant,
        detail: detail.into(),
    })
}

pub(crate) fn check(
    holds: bool,
    invariant: &'static str,
    detail: impl FnOnce() -> String,
) -> Checked {
    if holds {
        Ok(())
    } else {
        violation(invariant, detail())
    }
}

/// Payload on its way.
struct Parcel {
    /// Server that it is for, or comes from.
    server: usize,
    /// Servers in whose sessions it was delivered: more than one of a token can be made to take it.
    delivered: Vec<usize>,
}

/// Bytes exchanged with an address that has not proved itself.
#[derive(Default)]
struct Account {
    received: u64,
    sent: u64,
    proven: bool,
}

pub(crate) struct Ground {
    pub(crate) time: u64,
    pub(crate) ledger: SharedLedger,
    pub(crate) backend: Backend,
    pub(crate) network: Network,
    pub(crate) coverage: Coverage,
    pub(crate) trace: Trace,
    pub(crate) steps: u64,
    /// By key and sequence.
    parcels: HashMap<([u8; 32], u64), Parcel>,
    accounts: HashMap<(usize, SocketAddr), Account>,
}

impl Ground {
    pub(crate) fn new(plan: &Plan, trace: Trace) -> Self {
        Self {
            time: 0,
            ledger: Rc::new(RefCell::new(Ledger::default())),
            backend: Backend::new(generator(plan.seed, 1)),
            network: Network::new(plan.weather, generator(plan.seed, 2)),
            coverage: Coverage::default(),
            trace,
            steps: 0,
            parcels: HashMap::new(),
            accounts: HashMap::new(),
        }
    }

    /// Sends a datagram over UDP.
    pub(crate) fn launch(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.trace
            .line(self.time, "sent", || words(from, to, bytes));
        let flight = Flight {
            from,
            to,
            leg: Leg::Open,
            bytes: bytes.to_vec(),
        };
        self.network.launch(self.time, flight);
    }

    /// Accepts that nonces repeat under the keys of a token, where the standard forces it.
    pub(crate) fn forgive(&mut self, ticket: usize) {
        let Some(ticket) = self.backend.tickets.get(ticket) else {
            return;
        };
        let mut ledger = self.ledger.borrow_mut();
        ledger.exempt(ticket.to_server);
        ledger.exempt(ticket.to_client);
    }

    pub(crate) fn check_nonces(&self) -> Checked {
        match &self.ledger.borrow().reused {
            None => Ok(()),
            Some(pair) => violation("no key and nonce twice", pair.clone()),
        }
    }

    /// Books a payload that was sealed just now.
    pub(crate) fn parcel_sent(&mut self, key: [u8; 32], datagram: &[u8], server: usize) {
        if let Some(clear) = wire::clear(datagram) {
            let parcel = Parcel {
                server,
                delivered: Vec::new(),
            };
            self.parcels.insert((key, clear.sequence), parcel);
        }
    }

    /// Checks a payload that was delivered in the session of a token.
    pub(crate) fn parcel_delivered(
        &mut self,
        ticket: usize,
        up: bool,
        sequence: u64,
        server: usize,
    ) -> Checked {
        let Some(ticket) = self.backend.tickets.get(ticket) else {
            return violation(
                "payloads were sent in this session",
                "the session has no token",
            );
        };
        let key = if up {
            ticket.to_server
        } else {
            ticket.to_client
        };
        if ticket.stolen || self.ledger.borrow().is_exempt(&key) {
            return Ok(());
        }
        let Some(parcel) = self.parcels.get_mut(&(key, sequence)) else {
            return violation(
                "payloads were sent in this session",
                format!("sequence {sequence:#x} was never sent"),
            );
        };
        let again = parcel.delivered.contains(&server);
        check(!again, "no payload is delivered twice", || {
            format!("sequence {sequence:#x}")
        })?;
        parcel.delivered.push(server);
        // Servers of one token share its keys: SECURITY names it.
        let several = ticket.order.public.len() > 1;
        check(
            parcel.server == server || several,
            "payloads were sent in this session",
            || format!("sequence {sequence:#x} was for server {}", parcel.server),
        )
    }

    pub(crate) fn server_received(&mut self, server: usize, from: SocketAddr, bytes: usize) {
        self.accounts.entry((server, from)).or_default().received += bytes as u64;
    }

    pub(crate) fn address_proved(&mut self, server: usize, from: SocketAddr) {
        self.accounts.entry((server, from)).or_default().proven = true;
    }

    pub(crate) fn server_sent(&mut self, server: usize, to: SocketAddr, bytes: usize) -> Checked {
        let account = self.accounts.entry((server, to)).or_default();
        account.sent += bytes as u64;
        let (received, sent) = (account.received, account.sent);
        check(
            account.proven || sent <= received,
            "no amplification",
            || format!("{sent} bytes to {to}, which sent {received} and proved nothing"),
        )
    }
}
