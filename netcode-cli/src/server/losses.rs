//! Datagrams of clients that have not arrived, summed over all sessions.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use netcode_std::core::server::ClientInfo;
use netcode_std::core::{ClientId, ClientIndex};

/// Interval of samples: a datagram that is reordered by less counts as lost hardly ever.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sum of the losses of sessions, from samples of each client's count. The loss of a session's
/// last second is not in it.
#[derive(Default)]
pub(super) struct Losses {
    total: u64,
    sampled: Option<Instant>,
    last: HashMap<ClientIndex, (ClientId, u64)>,
}

impl Losses {
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Samples the clients, if it is time to.
    pub(super) fn sample<'c>(
        &mut self,
        now: Instant,
        clients: impl Iterator<Item = ClientInfo<'c>>,
    ) {
        if self.sampled.is_some_and(|at| now < at + INTERVAL) {
            return;
        }
        self.sampled = Some(now);
        let counts = clients.map(|info| (info.client, info.client_id, info.stats.lost));
        self.add(counts);
    }

    fn add(&mut self, clients: impl Iterator<Item = (ClientIndex, ClientId, u64)>) {
        let before = std::mem::take(&mut self.last);
        for (client, client_id, lost) in clients {
            let known = match before.get(&client) {
                Some(&(id, known)) if id == client_id => known,
                _ => 0,
            };
            self.total = self.total.saturating_add(lost.saturating_sub(known));
            self.last.insert(client, (client_id, lost));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_all_sessions_are_summed_and_never_sink() {
        let mut losses = Losses::default();
        let mut total = |clients: &[(u32, u64, u64)]| {
            let clients = clients.iter();
            losses.add(clients.map(|&(slot, id, lost)| (ClientIndex(slot), ClientId(id), lost)));
            losses.total()
        };
        assert_eq!(total(&[(0, 7, 3), (1, 8, 1)]), 4);
        assert_eq!(total(&[(0, 7, 5), (1, 8, 1)]), 6);
        // A datagram that was only late.
        assert_eq!(total(&[(0, 7, 4), (1, 8, 1)]), 6);
        // Another client in the slot, and nobody in the other.
        assert_eq!(total(&[(0, 9, 2)]), 8);
    }
}
