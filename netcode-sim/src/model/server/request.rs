//! Fate of connection requests. (*Processing Connection Requests*.)

use std::net::SocketAddr;

use netcode_core::Dropped;

use super::{Fate, Limits, ServerModel, long};
use crate::backend::{Backend, Defect};
use crate::model::tables::{Purse, host};
use crate::wire;

impl ServerModel {
    /// *Processing Connection Requests*, with SECURITY's order: checks without a key come first.
    pub(super) fn request(
        &mut self,
        now: u64,
        from: SocketAddr,
        datagram: &[u8],
        backend: &Backend,
        limits: &mut Limits,
    ) -> Result<Fate, Dropped> {
        let today = self.date.at(now).unwrap_or(0);
        self.expire_half_open(now);
        self.history.retain(|used| used.expires > today);
        if datagram.len() != wire::REQUEST_BYTES {
            return Err(Dropped::RequestLength);
        }
        if datagram[1..14] != *wire::VERSION {
            return Err(Dropped::Version);
        }
        if long(&datagram[14..22]) != self.rules.protocol_id {
            return Err(Dropped::ProtocolId);
        }
        let expires = long(&datagram[22..30]);
        if expires <= today {
            return Err(Dropped::TokenExpired);
        }
        if let Some(lifetime) = self.rules.refuse_older {
            if expires > today + lifetime {
                return Err(Dropped::TokenLifetime);
            }
            if expires <= self.first_start.unwrap_or(0) + lifetime {
                return Err(Dropped::TokenBeforeStart);
            }
        }
        if !self.rules.replace && self.at_address(from).is_some() {
            return Err(Dropped::AddressConnected);
        }
        let ticket = backend.find(&datagram[wire::REQUEST_BYTES - 16..]);
        let used = self.history.iter().find(|used| Some(used.ticket) == ticket);
        let known = used.is_some();
        match used {
            Some(used) if used.consumed => return Err(Dropped::TokenConsumed),
            Some(used) if used.from != from => return Err(Dropped::TokenElsewhere),
            _ => {}
        }
        let entry = self
            .half_open
            .iter()
            .position(|it| it.from == from && Some(it.ticket) == ticket);
        if self.rules.host_limit {
            let own = |other: SocketAddr| host(other) == host(from);
            let tokens = self.history.iter().filter(|it| own(it.from)).count();
            let entries = self.half_open.iter().filter(|it| own(it.from)).count();
            self.limit(
                (known, tokens),
                (entry.is_some(), entries),
                4,
                Dropped::HostLimit,
                limits,
            )?;
        }
        self.spend(now, limits)?;
        let ticket = ticket.filter(|&it| backend.tickets[it].request == datagram);
        let tried = self.keys.tried(today);
        let opening = ticket.and_then(|ticket| {
            let sealed_with = backend.tickets[ticket].key;
            tried.iter().position(|key| *key == sealed_with)
        });
        limits.spends = opening.map_or(tried.len(), |failed| failed + 1);
        let ticket_id = ticket
            .filter(|_| opening.is_some())
            .ok_or(Dropped::TokenUnauthentic)?;
        let ticket = &backend.tickets[ticket_id];
        if ticket.order.defect == Defect::Malformed {
            return Err(Dropped::TokenMalformed);
        }
        if !ticket
            .order
            .internal
            .iter()
            .any(|it| self.rules.addresses.contains(it))
        {
            return Err(Dropped::NotOurAddress);
        }
        let id = ticket.order.client_id;
        let replaced = self.replaced_by(id, expires, from)?;
        let of_id = |other: usize| backend.tickets[other].order.client_id == id;
        let tokens = self.history.iter().filter(|it| of_id(it.ticket)).count();
        let entries = self.half_open.iter().filter(|it| of_id(it.ticket)).count();
        self.limit(
            (known, tokens),
            (entry.is_some(), entries),
            16,
            Dropped::IdLimit,
            limits,
        )?;
        if !known {
            if self.history.len() >= self.rules.tokens {
                return Err(Dropped::HistoryFull);
            }
            limits.enters = Some((ticket_id, from, expires));
        }
        if replaced.is_none() && self.denies() {
            return Ok(Fate::Denied { ticket: ticket_id });
        }
        let of_address = self.half_open.iter().filter(|it| it.from == from).count();
        if entry.is_none() && (of_address >= 4 || self.half_open.len() >= self.rules.half_open) {
            return Err(Dropped::HalfOpenFull);
        }
        Ok(Fate::Challenge { ticket: ticket_id })
    }

    /// Limit on what one source may hold: one in `parts` of a table, at least eight entries. The
    /// count may come out too high, by what the other sources hold.
    pub(super) fn limit(
        &self,
        (known, tokens): (bool, usize),
        (continues, entries): (bool, usize),
        parts: usize,
        reason: Dropped,
        limits: &mut Limits,
    ) -> Result<(), Dropped> {
        let tables = [
            (known, tokens, self.history.len(), self.rules.tokens),
            (
                continues,
                entries,
                self.half_open.len(),
                self.rules.half_open,
            ),
        ];
        for (exempt, own, all, capacity) in tables {
            let most = (capacity / parts).max(8);
            if exempt {
                continue;
            }
            if own >= most {
                return Err(reason);
            }
            // Every entry counts for its host and for its client id.
            if 2 * all >= most {
                limits.or_dropped.push(reason);
            }
        }
        Ok(())
    }

    pub(super) fn spend(&mut self, now: u64, limits: &mut Limits) -> Result<(), Dropped> {
        match self.budget.look(now, self.rules.opens_per_second) {
            Purse::Empty => return Err(Dropped::OverBudget),
            Purse::Short => limits.or_dropped.push(Dropped::OverBudget),
            Purse::Served => {}
        }
        limits.spends = 1;
        Ok(())
    }

    /// Slot whose session a token may replace; `None` if its id is not connected.
    pub(super) fn replaced_by(
        &self,
        id: u64,
        expires: u64,
        from: SocketAddr,
    ) -> Result<Option<usize>, Dropped> {
        let by_id = self.connected().find(|(_, slot)| slot.client_id == id);
        let by_address = self.at_address(from);
        if by_address.is_some() && by_address != by_id.map(|(slot, _)| slot) {
            return Err(Dropped::AddressConnected);
        }
        match by_id {
            None => Ok(None),
            Some((slot, old)) if self.rules.replace && expires > old.expires => Ok(Some(slot)),
            Some(_) => Err(Dropped::IdConnected),
        }
    }
}
