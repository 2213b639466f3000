//! The service: everything that a request needs.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::api::Refusal;
use crate::identity::{Accounts, Devices, Identities};
use crate::limits::Limits;
use crate::metrics::{Metrics, TokenKind};
use crate::mint::{Mint, Minted};
use crate::origin::TrustedProxies;
use crate::placement::{Ask, Placed, Placement};
use crate::store::{Bridge, Store};

/// Parts of the service, each of which can be replaced.
pub struct Service {
    /// Servers and reservations.
    pub store: Arc<dyn Store>,
    /// Choice of servers.
    pub placement: Arc<dyn Placement>,
    /// Recognition of callers.
    pub identities: Identities,
    /// The site's own accounts, if it has any. They are one of the identities too.
    pub accounts: Option<Arc<Accounts>>,
    /// Registered devices.
    pub devices: Devices,
    /// Keys and settings of tokens.
    pub mint: Mint,
    /// Rate limits.
    pub limits: Limits,
    /// Counters.
    pub metrics: Metrics,
    /// Proxies that name the address of the caller.
    pub proxies: TrustedProxies,
    /// Origins of pages on other hosts that may ask for tokens.
    pub origins: Vec<axum::http::HeaderValue>,
    /// Bridge for servers that name none.
    pub bridge: Bridge,
    /// Age of the last heartbeat from which a server counts as silent.
    pub silent_after: Duration,
    /// Set before the service ends: it is no longer ready, and answers what still arrives.
    pub ending: AtomicBool,
}

impl Service {
    /// Token for a client, with the servers that it names.
    ///
    /// # Errors
    /// `no-free-slot`, `unavailable` or `internal`; nothing is kept then.
    pub async fn connect(&self, ask: &Ask, kind: TokenKind) -> Result<(Minted, Placed), Refusal> {
        let placed = self.placement.place(ask).await?;
        match self.mint.mint(ask.client, &placed) {
            Ok(minted) => {
                self.metrics.token(kind);
                Ok((minted, placed))
            }
            Err(refusal) => {
                self.placement.give_back(ask, &placed).await;
                Err(refusal)
            }
        }
    }

    /// Counts a credential that was refused against the address that sent it.
    pub(crate) fn refused(&self, address: IpAddr, refusal: Refusal) -> Refusal {
        self.limits.check_address(address).err().unwrap_or(refusal)
    }

    /// `true` once the service has begun to end.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}
