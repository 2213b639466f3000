//! Invariants of a server: of each event, of its state after every step, and of the end.

use netcode_core::Instant;
use netcode_core::server::Event;

use super::{AGREE, ServerHost, index};
use crate::ground::{Checked, Ground, check, violation};
use crate::model::server::Pending;

impl ServerHost {
    /// Follows the sessions by the reported events alone.
    pub(super) fn event(&mut self, g: &mut Ground, event: &Event<Vec<u8>>) -> Checked {
        g.trace.line(g.time, format!("server {}", self.id), || {
            format!("event {event:?}").chars().take(120).collect()
        });
        match *event {
            Event::Connected { client, client_id } => {
                g.coverage.note("server: connected");
                // A shell that is late to take events may see the end of the id's last session after
                // the beginning of the next, in another slot.
                let ended = self.model.events.iter().any(|pending| {
                    matches!(*pending, Pending::Disconnected { client_id: id, .. } if id == client_id.0)
                });
                let twice = self.sessions.contains(&Some(client_id.0)) && !ended;
                check(!twice, "one session per id", || {
                    format!("id {client_id} connects again")
                })?;
                let Some(session) = self.sessions.get_mut(client.index()) else {
                    return violation("tables stay within their bounds", format!("slot {client}"));
                };
                let before = session.replace(client_id.0);
                check(before.is_none(), "one session per slot", || {
                    format!("slot {client} is taken")
                })
            }
            Event::Payload { client, .. } => {
                g.coverage.note("server: payload");
                let connected = self
                    .sessions
                    .get(client.index())
                    .is_some_and(Option::is_some);
                check(
                    connected,
                    "payloads come between connect and disconnect",
                    || format!("slot {client}"),
                )
            }
            Event::Disconnected {
                client,
                client_id,
                reason,
            } => {
                g.coverage.note(format!("server: disconnected {reason:?}"));
                let was = self.sessions.get_mut(client.index()).and_then(Option::take);
                check(was == Some(client_id.0), "a session ends once", || {
                    format!("slot {client} held {was:?}")
                })
            }
            _ => violation(AGREE, "an unknown event"),
        }
    }

    /// Invariants of the state, after every step.
    pub(super) fn check_state(&mut self, g: &mut Ground) -> Checked {
        let bounds = self.core.half_open_count() <= self.plan.half_open
            && self.core.token_count() <= self.plan.tokens
            && self.core.connected_count() <= self.plan.max_clients;
        check(bounds, "tables stay within their bounds", || {
            format!("{:?}", self.core)
        })?;
        let counts = (
            self.core.connected_count() as usize,
            self.core.half_open_count(),
        );
        let model = (self.model.connected().count(), self.model.half_open.len());
        check(counts == model, AGREE, || {
            format!("slots and half-open connections {counts:?}, not {model:?}")
        })?;
        let stats = self.core.stats();
        let totals = (
            stats.datagrams_in,
            stats.datagrams_out,
            stats.dropped.total(),
        );
        let own = (
            self.counted.datagrams_in,
            self.counted.datagrams_out,
            self.counted.dropped.values().sum(),
        );
        check(totals == own, "counters add up", || {
            format!("in, out, dropped: {totals:?}, not {own:?}")
        })?;
        self.check_deadline(g)
    }

    pub(super) fn check_deadline(&mut self, g: &Ground) -> Checked {
        let now = self.now(g);
        let asked = self.core.next_deadline().map(Instant::as_micros);
        let latest = self.model.latest_call();
        let late = latest.is_some_and(|latest| asked.is_none_or(|asked| asked > latest));
        check(!late, "deadlines are honoured", || {
            format!("asks for {asked:?}, needs {latest:?} at {now}")
        })?;
        let due = asked.is_some_and(|asked| asked <= now);
        check(!due, "deadlines never spin", || {
            format!("asks for {asked:?} at {now}")
        })?;
        self.wake = asked.and_then(|asked| self.clock.when(asked));
        self.wake = Some(
            self.wake
                .map_or(self.app_due, |wake| wake.min(self.app_due)),
        );
        Ok(())
    }

    /// Invariants of the end.
    pub(crate) fn finish(&mut self, g: &mut Ground) -> Checked {
        self.drain(g)?;
        let stats = self.core.stats();
        let c = &self.counted;
        let theirs = [
            stats.datagrams_in,
            stats.bytes_in,
            stats.datagrams_out,
            stats.bytes_out,
            stats.payloads_in,
            stats.payloads_out,
            stats.challenges,
            stats.denied,
            stats.connects,
        ];
        let ours = [
            c.datagrams_in,
            c.bytes_in,
            c.datagrams_out,
            c.bytes_out,
            c.payloads_in,
            c.payloads_out,
            c.challenges,
            c.denied,
            c.connects,
        ];
        check(theirs == ours, "counters add up", || {
            format!("{stats:?}, not {c:?}")
        })?;
        for (reason, count) in stats.dropped.iter() {
            let counted = c.dropped.get(reason.name()).copied().unwrap_or(0);
            check(u64::from(count) == counted, "counters add up", || {
                format!("{reason:?}: {count}, not {counted}")
            })?;
        }
        for (id, slot) in self.model.connected() {
            let info = self
                .core
                .client(index(id))
                .map(|info| info.stats)
                .unwrap_or_default();
            let theirs = [
                info.datagrams_in,
                info.payloads_in,
                info.datagrams_out,
                info.payloads_out,
            ];
            check(theirs == slot.counts, "counters add up", || {
                format!("slot {id}: {theirs:?}, not {:?}", slot.counts)
            })?;
        }
        Ok(())
    }
}
