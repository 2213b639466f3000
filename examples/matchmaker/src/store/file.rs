//! State in one file, for one backend (`redb`).
//!
//! One thread writes. It applies all operations that wait, commits them together, and answers them
//! after the commit: what was answered survives a power cut, and the cost of a commit is shared by
//! the requests of a burst.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use netcode_std::ClientId;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::{FORGET_AFTER, RecordKey, Recorded, Reserve, Reserved, Store, StoreError};
use super::{Heartbeat, ServerId, ServerState};

/// Server id → [`Entry`], as JSON.
const SERVERS: TableDefinition<'_, &str, &str> = TableDefinition::new("servers");
/// Server id and client id → end of the reservation, Unix milliseconds.
const HELD: TableDefinition<'_, (&str, u64), u64> = TableDefinition::new("held");
/// Client id → server of its latest reservation.
const HOLDERS: TableDefinition<'_, u64, &str> = TableDefinition::new("holders");
/// Kind and key of a record → its end, Unix milliseconds, and its value.
const RECORDS: TableDefinition<'_, (&str, &str), (u64, &str)> = TableDefinition::new("records");

/// Operations that may wait for the writer.
const QUEUE: usize = 4096;
/// Most operations of one commit.
const BATCH: usize = 256;
/// Memory for pages of the file, bytes: the library's own limit is a gigabyte.
const CACHE_BYTES: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Entry {
    seen: u64,
    heartbeat: Heartbeat,
}

type Result<T, E = StoreError> = std::result::Result<T, E>;
type Applied = std::result::Result<Box<dyn FnOnce() + Send>, redb::Error>;
type Job = Box<dyn FnOnce(&WriteTransaction) -> Applied + Send>;

/// State in one file.
pub struct FileStore {
    database: Arc<Database>,
    jobs: mpsc::Sender<Job>,
}

impl FileStore {
    /// Opens or creates a file.
    ///
    /// # Errors
    /// [`StoreError`] if it is no such file, or another process has it open.
    pub fn open(path: &Path) -> Result<Self> {
        let mut builder = Database::builder();
        let database = builder.set_cache_size(CACHE_BYTES).create(path);
        let database = Arc::new(database.map_err(StoreError::new)?);
        create_tables(&database).map_err(StoreError::new)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Arc::clone(&database);
        thread::Builder::new()
            .name("store".into())
            .spawn(move || write(&writer, queue))
            .map_err(StoreError::new)?;
        Ok(Self { database, jobs })
    }

    /// Runs an operation in the writer's next commit.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&WriteTransaction) -> std::result::Result<T, redb::Error> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = job(transaction)?;
            Ok(Box::new(move || {
                let _ = answer.send(result);
            }))
        });
        self.jobs
            .try_send(job)
            .map_err(|_| StoreError::new("too many operations wait for the file"))?;
        answered
            .await
            .map_err(|_| StoreError::new("the file could not be written"))
    }

    /// Runs a look-up on a thread that may block.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&redb::ReadTransaction) -> std::result::Result<T, redb::Error>
        + Send
        + 'static,
    ) -> Result<T> {
        let database = Arc::clone(&self.database);
        let look = move || look(&database.begin_read()?);
        let looked = tokio::task::spawn_blocking(look).await;
        looked.map_err(StoreError::new)?.map_err(StoreError::new)
    }
}

fn create_tables(database: &Database) -> std::result::Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(SERVERS)?;
    transaction.open_table(HELD)?;
    transaction.open_table(HOLDERS)?;
    transaction.open_table(RECORDS)?;
    transaction.commit()?;
    Ok(())
}

/// The writer: ends when the store is dropped.
fn write(database: &Database, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        if let Err(error) = commit(database, first, &mut queue) {
            // The operations of this commit are refused: their answers were dropped.
            tracing::error!(%error, "the state could not be written");
        }
    }
}

fn commit(
    database: &Database,
    first: Job,
    queue: &mut mpsc::Receiver<Job>,
) -> std::result::Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut answers = vec![first(&transaction)?];
    while answers.len() < BATCH
        && let Ok(job) = queue.try_recv()
    {
        answers.push(job(&transaction)?);
    }
    transaction.commit()?;
    answers.into_iter().for_each(|answer| answer());
    Ok(())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    millis(since.unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Entry of a server. One that does not parse is from another version, and counts as none: the
/// next heartbeat replaces it.
fn entry(
    servers: &impl ReadableTable<&'static str, &'static str>,
    id: &str,
) -> std::result::Result<Option<Entry>, redb::Error> {
    let entry = servers.get(id)?;
    Ok(entry.and_then(|entry| serde_json::from_str(entry.value()).ok()))
}

/// Number of reservations at a server that have not ended.
fn reserved(
    held: &impl ReadableTable<(&'static str, u64), u64>,
    id: &str,
    now: u64,
) -> std::result::Result<u32, redb::Error> {
    let mut count = 0_u32;
    for entry in held.range((id, 0)..=(id, u64::MAX))? {
        let (_, end) = entry?;
        count = count.saturating_add(u32::from(end.value() > now));
    }
    Ok(count)
}

#[async_trait]
impl Store for FileStore {
    async fn heartbeat(
        &self,
        id: &ServerId,
        heartbeat: &Heartbeat,
        silent_after: Duration,
    ) -> Result<Recorded> {
        let (id, heartbeat) = (id.clone(), heartbeat.clone());
        self.write(move |transaction| record_heartbeat(transaction, &id, heartbeat, silent_after))
            .await
    }

    async fn servers(&self) -> Result<Vec<ServerState>> {
        self.read(|transaction| {
            let now = now();
            let held = transaction.open_table(HELD)?;
            let mut states = Vec::new();
            for server in transaction.open_table(SERVERS)?.iter()? {
                let (id, entry) = server?;
                let entry = serde_json::from_str::<Entry>(entry.value()).ok();
                let (Some(id), Some(mut entry)) = (ServerId::new(id.value()), entry) else {
                    continue;
                };
                let age = Duration::from_millis(now.saturating_sub(entry.seen));
                entry.heartbeat.clients.clear();
                states.push(ServerState {
                    reserved: reserved(&held, id.as_str(), now)?,
                    id,
                    heartbeat: entry.heartbeat,
                    age,
                });
            }
            states.retain(|state| state.age < FORGET_AFTER);
            Ok(states)
        })
        .await
    }

    async fn reserve(&self, ask: &Reserve) -> Result<Option<Reserved>> {
        let ask = ask.clone();
        self.write(move |transaction| reserve(transaction, &ask))
            .await
    }

    async fn release(&self, server: &ServerId, client: ClientId) -> Result<()> {
        let server = server.clone();
        self.write(move |transaction| {
            let mut held = transaction.open_table(HELD)?;
            held.remove((server.as_str(), client.0))?;
            transaction.open_table(HOLDERS)?.remove(client.0)?;
            Ok(())
        })
        .await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<String>> {
        let key = key.clone();
        self.read(move |transaction| {
            let records = transaction.open_table(RECORDS)?;
            let record = records.get((key.kind, key.key.as_str()))?;
            let record = record.map(|record| {
                let (end, value) = record.value();
                (end > now()).then(|| value.to_owned())
            });
            Ok(record.flatten())
        })
        .await
    }

    async fn create_record(
        &self,
        key: &RecordKey,
        value: &str,
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let (key, value) = (key.clone(), value.to_owned());
        self.write(move |transaction| {
            let now = now();
            let mut records = transaction.open_table(RECORDS)?;
            // Those that have ended are removed when one that can end is created.
            if lifetime.is_some() {
                let of_kind = (key.kind, "")..;
                let ended =
                    |at: (&str, &str), (end, _): (u64, &str)| at.0 == key.kind && end <= now;
                records.retain_in(of_kind, |at, record| !ended(at, record))?;
            }
            let at = (key.kind, key.key.as_str());
            if records
                .get(at)?
                .is_some_and(|record| record.value().0 > now)
            {
                return Ok(false);
            }
            let end = lifetime.map_or(u64::MAX, |lifetime| now.saturating_add(millis(lifetime)));
            records.insert(at, (end, value.as_str()))?;
            Ok(true)
        })
        .await
    }

    async fn remove_record(&self, key: &RecordKey) -> Result<()> {
        let key = key.clone();
        self.write(move |transaction| {
            let mut records = transaction.open_table(RECORDS)?;
            records.remove((key.kind, key.key.as_str()))?;
            Ok(())
        })
        .await
    }
}

fn record_heartbeat(
    transaction: &WriteTransaction,
    id: &ServerId,
    heartbeat: Heartbeat,
    silent_after: Duration,
) -> std::result::Result<Recorded, redb::Error> {
    let now = now();
    let mut servers = transaction.open_table(SERVERS)?;
    let mut held = transaction.open_table(HELD)?;
    let mut forgotten = Vec::new();
    for server in servers.iter()? {
        let (other, entry) = server?;
        let Ok(entry) = serde_json::from_str::<Entry>(entry.value()) else {
            continue;
        };
        let age = now.saturating_sub(entry.seen);
        if age >= millis(FORGET_AFTER) {
            forgotten.push(other.value().to_owned());
        }
        let shares = |address| entry.heartbeat.addresses.contains(address);
        if other.value() != id.as_str()
            && age < millis(silent_after)
            && heartbeat.addresses.iter().any(shares)
            && let Some(by) = ServerId::new(other.value())
        {
            return Ok(Recorded::AddressInUse { by });
        }
    }
    for other in forgotten {
        servers.remove(other.as_str())?;
    }

    let before = entry(&servers, id.as_str())?;
    let listed = before.iter().flat_map(|entry| entry.heartbeat.client_ids());
    let listed: HashSet<ClientId> = listed.collect();
    let joined = heartbeat.client_ids().filter(|id| !listed.contains(id));
    for client in joined {
        held.remove((id.as_str(), client.0))?;
    }
    let range = (id.as_str(), 0)..=(id.as_str(), u64::MAX);
    held.retain_in(range, |_, end| end > now)?;
    let reserved = reserved(&held, id.as_str(), now)?;
    let entry = Entry {
        seen: now,
        heartbeat,
    };
    let text = serde_json::to_string(&entry).unwrap_or_default();
    servers.insert(id.as_str(), text.as_str())?;
    Ok(Recorded::Stored { reserved })
}

fn reserve(
    transaction: &WriteTransaction,
    ask: &Reserve,
) -> std::result::Result<Option<Reserved>, redb::Error> {
    let now = now();
    let servers = transaction.open_table(SERVERS)?;
    let mut held = transaction.open_table(HELD)?;
    let mut holders = transaction.open_table(HOLDERS)?;
    let holder = holders.get(ask.client.0)?;
    let at = holder.map(|server| server.value().to_owned());
    let at = ask
        .candidates
        .iter()
        .find(|id| Some(id.as_str()) == at.as_deref());
    for id in at.into_iter().chain(&ask.candidates) {
        let Some(Entry { seen, heartbeat }) = entry(&servers, id.as_str())? else {
            continue;
        };
        let state = ServerState {
            id: id.clone(),
            reserved: reserved(&held, id.as_str(), now)?,
            heartbeat,
            age: Duration::from_millis(now.saturating_sub(seen)),
        };
        let place = (id.as_str(), ask.client.0);
        let holds = held.get(place)?.is_some_and(|end| end.value() > now);
        if state.accepts(ask.silent_after) && (holds || state.free() > 0) {
            held.insert(place, now.saturating_add(millis(ask.hold)))?;
            holders.insert(ask.client.0, id.as_str())?;
            return Ok(Some(Reserved {
                id: state.id,
                heartbeat: state.heartbeat,
            }));
        }
    }
    Ok(None)
}
