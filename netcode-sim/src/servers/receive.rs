//! Datagrams at a server, and the comparison of their results with the model's.

use std::net::SocketAddr;

use netcode_core::server::{Event, Received};
use netcode_core::{Dropped, Instant};
use rand::RngExt;

use super::{AGREE, Actual, ServerHost, index};
use crate::backend::PROTOCOL;
use crate::ground::{Checked, Ground, check, violation};
use crate::ledger::Maker;
use crate::model::server::Fate;
use crate::plan::LATECOMER;
use crate::wire;

impl ServerHost {
    pub(super) fn receive(&mut self, g: &mut Ground, from: SocketAddr, bytes: &[u8]) -> Checked {
        let now = self.now(g);
        g.server_received(self.id, from, bytes.len());
        self.counted.datagrams_in += 1;
        self.counted.bytes_in += bytes.len() as u64;
        let prediction = self
            .model
            .receive(now, from, bytes, &g.ledger.borrow(), &g.backend);
        let of_request = self.model.opens_of_a_request() as u64;
        let (opens, seals) = {
            let ledger = g.ledger.borrow();
            (ledger.opens, ledger.seals.len())
        };
        let mut buffer = bytes.to_vec();
        let mut event = None;
        let mut actual =
            match self
                .core
                .handle_datagram(Instant::from_micros(now), from, &mut buffer)
            {
                Err(reason) => Actual::Dropped(reason),
                Ok(Received::Handled) => Actual::Handled,
                Ok(Received::Reply(reply)) => Actual::Reply(reply.to, reply.datagram.to_vec()),
                Ok(Received::Event(reported)) => {
                    event = Some(reported);
                    Actual::Handled
                }
            };
        if let Some(event) = event {
            let payload = |place| {
                buffer
                    .get::<std::ops::Range<usize>>(place)
                    .unwrap_or_default()
                    .to_vec()
            };
            actual = Actual::Event(event.map_payload(payload));
        }
        g.trace.line(g.time, format!("server {}", self.id), || {
            format!(
                "{} => {actual:?}",
                crate::trace::words(from, self.address, bytes)
            )
            .chars()
            .take(160)
            .collect()
        });
        let dropped = match actual {
            Actual::Dropped(reason) => Some(reason),
            _ => None,
        };
        self.model.commit(&prediction, dropped);
        if let Some(reason) = dropped {
            *self.counted.dropped.entry(reason.name()).or_default() += 1;
            self.refusals.insert(from, Some(reason));
            g.coverage.note_drop("server", reason);
            if reason == Dropped::TokenUnauthentic {
                self.note_expired_key(g, bytes);
            }
            let expected =
                prediction.fate == Fate::Dropped(reason) || prediction.or_dropped.contains(&reason);
            check(expected, AGREE, || {
                format!("dropped as {reason:?}, not {:?}", prediction.fate)
            })?;
            let opened = g.ledger.borrow().opens - opens;
            return check(
                opened <= most_opens(reason, of_request),
                "a drop costs no more than its check",
                || format!("{reason:?} after {opened} decryptions"),
            );
        }
        self.verify(g, from, bytes, &prediction.fate, actual, seals)
    }

    /// Notes a token that the previous key would have opened before its date.
    fn note_expired_key(&self, g: &mut Ground, request: &[u8]) {
        let ticket = g.backend.find(&request[wire::REQUEST_BYTES - 16..]);
        let sealed_with = ticket.map(|ticket| g.backend.tickets[ticket].key);
        let previous = self.model.keys.previous.map(|(key, _)| key);
        if sealed_with.is_some() && sealed_with == previous {
            g.coverage.note("server: previous key expired");
        }
    }

    /// Compares a result other than a drop with the model's.
    pub(super) fn verify(
        &mut self,
        g: &mut Ground,
        from: SocketAddr,
        bytes: &[u8],
        fate: &Fate,
        actual: Actual,
        seals: usize,
    ) -> Checked {
        match (fate, actual) {
            (&Fate::Challenge { ticket }, Actual::Reply(to, reply)) if to == from => {
                g.coverage.note("server: challenge");
                if g.backend.tickets[ticket].key != self.model.keys.current {
                    g.coverage.note("server: challenge under the previous key");
                }
                self.counted.challenges += 1;
                check(reply.len() < bytes.len(), "no amplification", || {
                    "a reply is longer than its request".into()
                })?;
                let challenge = self.check_challenge(g, ticket, &reply, seals)?;
                self.model.challenged(ticket, from, challenge);
                self.launch(g, to, &reply)
            }
            (&Fate::Denied { ticket }, Actual::Reply(to, reply)) if to == from => {
                g.coverage.note("server: denied");
                if self.model.closed {
                    g.coverage.note("server: denied while closed");
                }
                self.counted.denied += 1;
                self.refusals.insert(from, None);
                check(reply.len() < bytes.len(), "no amplification", || {
                    "a reply is longer than its request".into()
                })?;
                self.check_global(g, ticket, &reply, wire::DENIED)?;
                self.launch(g, to, &reply)
            }
            (
                &Fate::Connected { half_open },
                Actual::Event(Event::Connected { client, client_id }),
            ) => {
                let slot = client.index();
                let free = self.model.slots.get(slot).is_some_and(Option::is_none);
                check(free, AGREE, || format!("slot {slot} is not free"))?;
                self.model.joined(half_open, slot, &g.backend);
                g.address_proved(self.id, from);
                self.check_joined(g, slot)?;
                let picky = self.plan.turn > 1 && client_id.0 != LATECOMER;
                if picky && self.rng.random_range(0..8) == 0 {
                    self.unwanted = Some(slot);
                }
                self.event(g, &Event::Connected { client, client_id })
            }
            (&Fate::Replaced { slot, half_open }, Actual::Reply(to, reply)) => {
                g.coverage.note("server: replaced");
                g.address_proved(self.id, from);
                let old = self.model.slots[slot].as_ref().map_or(0, |old| old.ticket);
                let Some(sent) = self.model.joined(half_open, slot, &g.backend) else {
                    return violation(AGREE, "no session was replaced");
                };
                self.check_joined(g, slot)?;
                check(to == sent.to, AGREE, || {
                    format!("the old session's disconnect goes to {to}")
                })?;
                let key = g.backend.tickets[old].to_client;
                self.check_packet(g, &reply, &key, &sent, &[])?;
                self.launch(g, to, &reply)
            }
            (Fate::KeepAlive { .. }, Actual::Handled) => Ok(()),
            (
                Fate::Payload {
                    slot,
                    sequence,
                    body,
                },
                Actual::Event(Event::Payload {
                    client,
                    sequence: seen,
                    payload,
                }),
            ) => {
                let same = client.index() == *slot && seen.0 == *sequence && payload == *body;
                check(same, AGREE, || {
                    format!("another payload, of slot {client}, sequence {seen}")
                })?;
                self.counted.payloads_in += 1;
                if let Some(slot) = self.model.slots[*slot].as_ref() {
                    *self.payloads_from.entry(slot.client_id).or_default() += 1;
                    g.parcel_delivered(slot.ticket, true, *sequence, self.id)?;
                }
                self.event(
                    g,
                    &Event::Payload {
                        client,
                        sequence: seen,
                        payload,
                    },
                )
            }
            (
                Fate::Disconnected { slot },
                Actual::Event(event @ Event::Disconnected { client, .. }),
            ) if client.index() == *slot => self.event(g, &event),
            (fate, actual) => violation(
                AGREE,
                format!("{actual:?}, not {fate:?}")
                    .chars()
                    .take(300)
                    .collect::<String>(),
            ),
        }
    }

    /// Checks the slot that a client was given.
    pub(super) fn check_joined(&mut self, g: &Ground, id: usize) -> Checked {
        self.counted.connects += 1;
        let slot = self.model.slots[id].as_ref();
        let Some((slot, info)) = slot.zip(self.core.client(index(id))) else {
            return violation(AGREE, format!("no client in slot {id}"));
        };
        let ticket = &g.backend.tickets[slot.ticket];
        let same = info.client_id.0 == slot.client_id
            && info.address == Some(slot.from)
            && info.user_data.0 == ticket.user_data
            && info.timeout.as_secs() == ticket.order.timeout
            && !info.confirmed;
        check(same, AGREE, || {
            format!("slot {id} holds another client: {info:?}")
        })
    }

    /// Checks a challenge; returns the seal of its token.
    pub(super) fn check_challenge(
        &mut self,
        g: &Ground,
        ticket: usize,
        reply: &[u8],
        seals: usize,
    ) -> Checked<usize> {
        let body = self.check_global(g, ticket, reply, wire::CHALLENGE)?;
        let sequence = u64::from_le_bytes(body[..8].try_into().unwrap_or_default());
        let ledger = g.ledger.borrow();
        let Some(token) = ledger
            .find_challenge(sequence, &body[8..])
            .filter(|&id| id >= seals)
        else {
            return violation(AGREE, "the challenge token is not new");
        };
        let plain = &ledger.seals[token].body;
        let minted = &g.backend.tickets[ticket];
        let right =
            plain[..8] == minted.order.client_id.to_le_bytes() && plain[8..264] == minted.user_data;
        check(right, AGREE, || {
            "the challenge token is for another client".into()
        })?;
        let expected = self.challenge_sequence;
        self.challenge_sequence += 1;
        check(sequence == expected, AGREE, || {
            format!("challenge sequence {sequence}, not {expected}")
        })?;
        Ok(token)
    }

    /// Checks a packet outside any session; returns its body.
    pub(super) fn check_global(
        &self,
        g: &Ground,
        ticket: usize,
        reply: &[u8],
        kind: u8,
    ) -> Checked<Vec<u8>> {
        let ledger = g.ledger.borrow();
        let key = g.backend.tickets[ticket].to_client;
        let seal = ledger
            .find(reply)
            .filter(|seal| seal.key == key && seal.maker == Maker::Server(self.id));
        let right = seal.filter(|seal| {
            seal.data == wire::packet_data(PROTOCOL, reply[0])
                && reply[0] & 15 == kind
                && seal.sequence >> 63 == 1
        });
        match right {
            Some(seal) => Ok(seal.body.clone()),
            None => violation(
                AGREE,
                format!("not a {} of the right form", wire::NAMES[usize::from(kind)]),
            ),
        }
    }
}

/// Decryptions that a drop for this reason may cost, where a request may cost `of_request`.
fn most_opens(reason: Dropped, of_request: u64) -> u64 {
    match reason {
        Dropped::TokenUnauthentic
        | Dropped::TokenMalformed
        | Dropped::NotOurAddress
        | Dropped::IdLimit
        | Dropped::HistoryFull
        | Dropped::HalfOpenFull => of_request,
        // Of a request one or two; of a response one for each handshake of its address, and the challenge.
        Dropped::Unauthentic => 4,
        Dropped::AddressConnected
        | Dropped::IdConnected
        | Dropped::ChallengeUnauthentic
        | Dropped::ChallengeMismatch
        | Dropped::SlotDraining => 5,
        _ => 0,
    }
}
