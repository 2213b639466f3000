//! Placement at servers that send heartbeats.
//!
//! The order of candidates is decided by a view of all servers that may be a moment old; the slot
//! is taken by one atomic step of the store, which checks each candidate again. So many backends
//! decide quickly, and never promise a slot twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{Address, Ask, Placed, Placement};
use crate::api::{Code, Refusal};
use crate::store::{Heartbeat, Reserve, Reserved, ServerState, Store, StoreError};

/// Greatest age of the view by which candidates are ordered.
const VIEW_AGE: Duration = Duration::from_millis(250);
/// Most candidates of one reservation.
const MAX_CANDIDATES: usize = 256;
/// Longest time from a token's last use to the client's appearance in a heartbeat, beyond
/// `silent_after`: the standard's handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Most addresses of a token (standard: *Connect Token*).
const MAX_ADDRESSES: usize = 32;

/// Settings of [`Fleet`].
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Lifetime of tokens.
    pub token_lifetime: Duration,
    /// Age of the last heartbeat from which a server counts as silent and gets nobody.
    pub silent_after: Duration,
    /// Further servers that a token names, for a client that does not reach the first. Their slots
    /// are not reserved.
    ///
    /// All servers of one token share its keys. Where an attacker may sit on the path, packets of
    /// one session can be injected into the other: leave this at 0 there, and let the client ask
    /// for another token (see *On the path* in `SECURITY.md`).
    pub alternatives: usize,
}

impl FleetConfig {
    /// Lifetime of a reservation. A client that uses its token in the last second is connected a
    /// handshake later, and known from the heartbeat after that.
    fn hold(&self) -> Duration {
        self.token_lifetime + HANDSHAKE + self.silent_after
    }
}

/// Servers that send heartbeats. The fullest server with a free slot is filled first, so that empty
/// ones can be stopped.
pub struct Fleet {
    store: Arc<dyn Store>,
    config: FleetConfig,
    view: Mutex<Option<View>>,
}

struct View {
    taken: Instant,
    servers: Arc<Vec<ServerState>>,
}

impl Fleet {
    /// Placement at the servers of a store.
    pub fn new(store: Arc<dyn Store>, config: FleetConfig) -> Self {
        Self {
            store,
            config,
            view: Mutex::new(None),
        }
    }

    /// Servers, as they were at most `max_age` ago.
    async fn view(&self, max_age: Duration) -> Result<Arc<Vec<ServerState>>, StoreError> {
        let asked = Instant::now();
        let mut view = self.view.lock().await;
        // One that was taken while this request waited is as new as its own would be.
        if let Some(view) = view.as_ref()
            && view.taken + max_age >= asked
        {
            return Ok(Arc::clone(&view.servers));
        }
        let taken = Instant::now();
        let servers = Arc::new(self.store.servers().await?);
        *view = Some(View {
            taken,
            servers: Arc::clone(&servers),
        });
        Ok(servers)
    }

    async fn place_in(
        &self,
        ask: &Ask,
        servers: &[ServerState],
    ) -> Result<Option<Placed>, StoreError> {
        let candidates = rank(servers, &ask.labels, self.config.silent_after);
        let reserve = Reserve {
            client: ask.client,
            candidates: candidates
                .iter()
                .take(MAX_CANDIDATES)
                .map(|server| server.id.clone())
                .collect(),
            hold: self.config.hold(),
            silent_after: self.config.silent_after,
        };
        // The view may have addresses that the server had before it started again.
        let Some(Reserved { id, heartbeat }) = self.store.reserve(&reserve).await? else {
            return Ok(None);
        };
        let others = candidates.iter().filter(|it| it.id != id && it.free() > 0);
        let others = others.take(self.config.alternatives);
        let named = std::iter::once(&heartbeat).chain(others.map(|it| &it.heartbeat));
        Ok(Some(Placed {
            addresses: named.flat_map(addresses).take(MAX_ADDRESSES).collect(),
            bridge: heartbeat.bridge.clone(),
            server: Some(id),
        }))
    }
}

#[async_trait]
impl Placement for Fleet {
    async fn place(&self, ask: &Ask) -> Result<Placed, Refusal> {
        // A view that is older may miss a slot that has become free.
        for max_age in [VIEW_AGE, Duration::ZERO] {
            let servers = self.view(max_age).await?;
            if let Some(placed) = self.place_in(ask, &servers).await? {
                return Ok(placed);
            }
        }
        let detail = "no server with these labels has a free slot; try again";
        Err(Refusal::new(Code::NoFreeSlot, detail).retry_after(Duration::from_secs(5)))
    }

    async fn give_back(&self, ask: &Ask, placed: &Placed) {
        if let Some(server) = &placed.server
            && let Err(error) = self.store.release(server, ask.client).await
        {
            // It ends by itself.
            tracing::warn!(%error, %server, "a reservation could not be given back");
        }
    }
}

/// Candidates in order: those with a free slot, the fullest first, then full ones, at which the
/// client may have a reservation.
fn rank<'s>(
    servers: &'s [ServerState],
    labels: &BTreeMap<String, String>,
    silent_after: Duration,
) -> Vec<&'s ServerState> {
    let eligible = |it: &&ServerState| it.accepts(silent_after) && it.has_labels(labels);
    let mut candidates: Vec<_> = servers.iter().filter(eligible).collect();
    candidates.sort_by_key(|it| (it.free() == 0, it.free(), &it.id));
    candidates
}

fn addresses(heartbeat: &Heartbeat) -> impl Iterator<Item = Address> + '_ {
    let public = heartbeat.addresses.iter().copied();
    public.enumerate().map(|(at, public)| Address {
        public,
        internal: heartbeat
            .internal_addresses
            .get(at)
            .copied()
            .unwrap_or(public),
    })
}
