//! Coverage: how often each thing happened that can happen, and which never did.

use std::collections::BTreeMap;

use netcode_core::Dropped;

/// Counts by name, for instance `server drops Replayed`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    counts: BTreeMap<String, u64>,
    drops: BTreeMap<(&'static str, &'static str), u64>,
}

impl Coverage {
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn note_drop(&mut self, role: &'static str, reason: Dropped) {
        *self.drops.entry((role, reason.name())).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
        for (what, count) in other.drops {
            *self.drops.entry(what).or_default() += count;
        }
    }

    fn count(&self, what: &str) -> u64 {
        let drops = self.drops.iter().filter(|((role, reason), _)| {
            what.strip_prefix(role)
                .and_then(|rest| rest.strip_prefix(" drops "))
                == Some(reason)
        });
        let drops: u64 = drops.map(|(_, count)| count).sum();
        drops + self.counts.get(what).copied().unwrap_or(0)
    }

    /// Everything that can happen with its count, then what happened beyond that list.
    pub(crate) fn table(&self) -> Vec<(String, u64)> {
        let mut table: Vec<_> = possible()
            .into_iter()
            .map(|what| {
                let count = self.count(&what);
                (what, count)
            })
            .collect();
        for (what, &count) in &self.counts {
            if !table.iter().any(|(listed, _)| listed == what) {
                table.push((what.clone(), count));
            }
        }
        table
    }

    /// Possible things that never happened.
    pub(crate) fn never(&self) -> Vec<String> {
        possible()
            .into_iter()
            .filter(|what| self.count(what) == 0)
            .collect()
    }
}

/// Reasons that a client cannot have: they are a server's rules.
const SERVER_ONLY: [Dropped; 21] = [
    Dropped::SessionEnded,
    Dropped::RequestLength,
    Dropped::Version,
    Dropped::ProtocolId,
    Dropped::TokenExpired,
    Dropped::TokenLifetime,
    Dropped::TokenBeforeStart,
    Dropped::AddressConnected,
    Dropped::TokenConsumed,
    Dropped::TokenElsewhere,
    Dropped::HostLimit,
    Dropped::OverBudget,
    Dropped::TokenUnauthentic,
    Dropped::TokenMalformed,
    Dropped::NotOurAddress,
    Dropped::IdConnected,
    Dropped::IdLimit,
    Dropped::HistoryFull,
    Dropped::HalfOpenFull,
    Dropped::ChallengeUnauthentic,
    Dropped::ChallengeMismatch,
];

/// Everything else that can happen, besides drops.
const OTHERS: &[&str] = &[
    "client: disconnected -> sending connection request",
    "client: sending connection request -> sending connection request",
    "client: sending connection request -> sending connection response",
    "client: sending connection request -> connection request timed out",
    "client: sending connection request -> connection denied",
    "client: sending connection request -> connect token expired",
    "client: sending connection request -> disconnected",
    "client: sending connection response -> sending connection request",
    "client: sending connection response -> connection response timed out",
    "client: sending connection response -> connection denied",
    "client: sending connection response -> connect token expired",
    "client: sending connection response -> connected",
    "client: sending connection response -> disconnected",
    "client: connected -> disconnected",
    "client: connected -> connection timed out",
    "client: disconnected -> invalid connect token",
    "connect: Begins",
    "connect: Active",
    "connect: Invalid",
    "connect: Spent",
    "connect: Expired",
    "connect: NotNewer",
    "server: connected",
    "server: payload",
    "server: challenge",
    "server: challenge under the previous key",
    "server: previous key expired",
    "server: denied",
    "server: denied while closed",
    "server: replaced",
    "server: disconnected ByClient",
    "server: disconnected ByServer",
    "server: disconnected TimedOut",
    "server: disconnected ServerStopped",
    "server: disconnected Replaced",
    "reference client: connected",
    "reference client: denied",
    "reference client: timed out",
    "bridge: two fragments",
    "bridge: reassembled",
    "bridge: fragment Malformed",
    "bridge: fragment Duplicate",
    "bridge: fragment Mismatch",
    "sealed token: opened",
    "sealed token: Unauthentic",
    "attack: replay",
    "attack: replay of a session",
    "attack: spoof",
    "attack: mutate",
    "attack: flood",
    "attack: two tokens",
    "attack: subnet",
    "attack: thief",
    "attack: stolen sealed token",
    "attack: observer with delay",
    "fault: restart with memory",
    "fault: restart without memory",
    "fault: device reboot",
    "fault: rebind",
    "fault: partition",
    "fault: clock jump",
    "fault: clock stop",
    "fault: suspend",
    "fault: full buffer",
    "fault: short buffer",
    "fault: date",
    "fault: kick",
    "fault: closed",
    "fault: key rotation",
    "latecomer: connected",
];

fn possible() -> Vec<String> {
    let server = Dropped::ALL
        .iter()
        .map(|reason| format!("server drops {}", reason.name()));
    let client = Dropped::ALL
        .iter()
        .filter(|&reason| !SERVER_ONLY.contains(reason) && *reason != Dropped::SlotDraining);
    let client = client.map(|reason| format!("client drops {}", reason.name()));
    server
        .chain(client)
        .chain(OTHERS.iter().map(|&it| it.to_owned()))
        .collect()
}
