//! State: servers, reserved slots, and records of the website.
//!
//! | file | contents |
//! | --- | --- |
//! | `file` | one file, for one backend |
//! | `redis` | Redis, for many backends behind a load balancer |
//! | `server` | a server as it describes itself |
//!
//! Each operation is one atomic step: two backends that ask at once are never promised the same
//! slot. An operation that fails has promised nothing.

mod file;
mod redis;
mod server;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use netcode_std::ClientId;

pub use self::file::FileStore;
pub use self::redis::RedisStore;
pub use self::server::{Bridge, Heartbeat, ServerId, ServerState, check_labels, parse_client_id};

/// Time after which a server that sends no heartbeat is removed from the list.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);

/// Servers, reservations and records.
#[async_trait]
pub trait Store: Send + Sync {
    /// Stores the heartbeat of a server. Ends the reservations of clients that it names and that
    /// its last heartbeat did not. `silent_after` is the age at which another server has lost its
    /// addresses.
    async fn heartbeat(
        &self,
        id: &ServerId,
        heartbeat: &Heartbeat,
        silent_after: Duration,
    ) -> Result<Recorded, StoreError>;

    /// All servers that are not forgotten.
    async fn servers(&self) -> Result<Vec<ServerState>, StoreError>;

    /// Reserves a slot at the first candidate that has one, or renews the reservation that the
    /// client has at one of them. `None`: no candidate has a free slot, is alive and is not
    /// draining.
    async fn reserve(&self, ask: &Reserve) -> Result<Option<Reserved>, StoreError>;

    /// Ends a reservation of a token that was not delivered.
    async fn release(&self, server: &ServerId, client: ClientId) -> Result<(), StoreError>;

    /// Record of the website; `None` if there is none, or it has expired.
    async fn record(&self, key: &RecordKey) -> Result<Option<String>, StoreError>;

    /// Creates a record that ends after `lifetime`, if one is given; `false` if there is one.
    async fn create_record(
        &self,
        key: &RecordKey,
        value: &str,
        lifetime: Option<Duration>,
    ) -> Result<bool, StoreError>;

    /// Removes a record.
    async fn remove_record(&self, key: &RecordKey) -> Result<(), StoreError>;
}

/// Result of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Stored; slots that are reserved for tokens on their way.
    Stored {
        /// Number of reserved slots.
        reserved: u32,
    },
    /// Refused: an address belongs to another server that is alive.
    AddressInUse {
        /// The other server.
        by: ServerId,
    },
}

/// Request for a slot.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// Client that the slot is for. It has one reservation at a server, whatever it asks.
    pub client: ClientId,
    /// Servers in the order of preference.
    pub candidates: Vec<ServerId>,
    /// Lifetime of the reservation.
    pub hold: Duration,
    /// Age of the last heartbeat from which a server counts as silent.
    pub silent_after: Duration,
}

/// Server at which a slot was reserved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Name.
    pub id: ServerId,
    /// Its last heartbeat.
    pub heartbeat: Heartbeat,
}

/// Name of a record: its kind and its key among those of its kind.
#[derive(Clone, Debug)]
pub struct RecordKey {
    /// Kind of the record.
    pub kind: &'static str,
    /// Key.
    pub key: String,
}

impl RecordKey {
    /// Key of a record.
    pub fn new(kind: &'static str, key: impl Into<String>) -> Self {
        Self {
            kind,
            key: key.into(),
        }
    }
}

/// Error of the state: it cannot be reached or written. Nothing was promised.
#[derive(Debug)]
pub struct StoreError(Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for StoreError {}

/// Opens the state at a URL: `redis://HOST:PORT/DB`, or the path of a file.
///
/// # Errors
/// [`StoreError`] for a URL that is malformed and for a file that cannot be opened. A Redis that
/// cannot be reached is no error: requests are refused until it can.
pub fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    if url.starts_with("redis://") || url.starts_with("unix://") {
        return Ok(Arc::new(RedisStore::open(url)?));
    }
    let path = url.strip_prefix("file://").unwrap_or(url);
    Ok(Arc::new(FileStore::open(Path::new(path))?))
}
