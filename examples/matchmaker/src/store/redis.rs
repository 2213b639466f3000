//! State in Redis, for many backends behind a load balancer.
//!
//! Each operation is one Lua script, which Redis runs as a whole. Time is Redis's own, so that the
//! clocks of the backends may differ. While Redis cannot be reached every operation fails, and the
//! connection is made again in the background.
//!
//! Keys, after the prefix `netcode:`:
//!
//! | key | type | contents |
//! | --- | --- | --- |
//! | `servers` | set | server ids |
//! | `server:ID` | hash | last heartbeat: when, whole, and the fields that scripts read |
//! | `clients:ID` | set | clients that the last heartbeat named |
//! | `held:ID` | sorted set | clients with a reserved slot, by its end |
//! | `holder:CLIENT` | string | server of the client's latest reservation |
//! | `owner` | hash | server of each address |
//! | `record:KIND:KEY` | string | records of the website |

use std::time::Duration;

use async_trait::async_trait;
use netcode_std::ClientId;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Script, ScriptInvocation};
use tokio::sync::OnceCell;

use super::{FORGET_AFTER, RecordKey, Recorded, Reserve, Reserved, Store, StoreError};
use super::{Heartbeat, ServerId, ServerState};

/// Longest wait for a connection or an answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// State in Redis.
pub struct RedisStore {
    client: redis::Client,
    connection: OnceCell<ConnectionManager>,
    heartbeat: Script,
    servers: Script,
    reserve: Script,
    release: Script,
}

impl RedisStore {
    /// State at a URL, `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`. Connects at the first operation.
    ///
    /// # Errors
    /// [`StoreError`] for a malformed URL.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            client: redis::Client::open(url).map_err(StoreError::new)?,
            connection: OnceCell::new(),
            heartbeat: Script::new(include_str!("heartbeat.lua")),
            servers: Script::new(include_str!("servers.lua")),
            reserve: Script::new(include_str!("reserve.lua")),
            release: Script::new(include_str!("release.lua")),
        })
    }

    async fn connection(&self) -> Result<ConnectionManager, StoreError> {
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(TIMEOUT))
                .set_response_timeout(Some(TIMEOUT))
                .set_number_of_retries(1)
                .set_max_delay(TIMEOUT);
            ConnectionManager::new_lazy_with_config(self.client.clone(), config)
        };
        let connection = self.connection.get_or_try_init(connect).await;
        connection.cloned().map_err(StoreError::new)
    }

    async fn run<T: redis::FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection().await?;
        let answer = script.invoke_async(&mut connection).await;
        answer.map_err(StoreError::new)
    }

    async fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection().await?;
        let answer = command.query_async(&mut connection).await;
        answer.map_err(StoreError::new)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Name of a record's key. A kind has no colon.
fn name(key: &RecordKey) -> String {
    format!("netcode:record:{}:{}", key.kind, key.key)
}

#[async_trait]
impl Store for RedisStore {
    async fn heartbeat(
        &self,
        id: &ServerId,
        heartbeat: &Heartbeat,
        silent_after: Duration,
    ) -> Result<Recorded, StoreError> {
        let whole = Heartbeat {
            clients: Vec::new(),
            ..heartbeat.clone()
        };
        let json = |value: &Heartbeat| serde_json::to_string(value).map_err(StoreError::new);
        let clients: Vec<String> = heartbeat.client_ids().map(|id| id.to_string()).collect();
        let (stored, answer): (bool, String) = self
            .run(
                self.heartbeat
                    .arg(id.as_str())
                    .arg(json(&whole)?)
                    .arg(heartbeat.capacity)
                    .arg(heartbeat.connected)
                    .arg(u8::from(heartbeat.draining))
                    .arg(millis(silent_after))
                    .arg(heartbeat.addresses.len())
                    .arg(
                        heartbeat
                            .addresses
                            .iter()
                            .map(ToString::to_string)
                            .collect::<Vec<_>>(),
                    )
                    .arg(clients),
            )
            .await?;
        if stored {
            let reserved = answer.parse().map_err(StoreError::new)?;
            return Ok(Recorded::Stored { reserved });
        }
        let by = ServerId::new(&answer).ok_or_else(|| StoreError::new("malformed server id"))?;
        Ok(Recorded::AddressInUse { by })
    }

    async fn servers(&self) -> Result<Vec<ServerState>, StoreError> {
        let all: Vec<(String, String, u32, u64)> =
            self.run(&self.servers.arg(millis(FORGET_AFTER))).await?;
        let state = |(id, heartbeat, reserved, age): (String, String, u32, u64)| {
            Some(ServerState {
                id: ServerId::new(&id)?,
                heartbeat: serde_json::from_str(&heartbeat).ok()?,
                reserved,
                age: Duration::from_millis(age),
            })
        };
        Ok(all.into_iter().filter_map(state).collect())
    }

    async fn reserve(&self, ask: &Reserve) -> Result<Option<Reserved>, StoreError> {
        let candidates: Vec<&str> = ask.candidates.iter().map(ServerId::as_str).collect();
        let reserved: Option<(String, String)> = self
            .run(
                self.reserve
                    .arg(ask.client.0)
                    .arg(millis(ask.hold))
                    .arg(millis(ask.silent_after))
                    .arg(candidates),
            )
            .await?;
        Ok(reserved.and_then(|(id, heartbeat)| {
            Some(Reserved {
                id: ServerId::new(&id)?,
                heartbeat: serde_json::from_str(&heartbeat).ok()?,
            })
        }))
    }

    async fn release(&self, server: &ServerId, client: ClientId) -> Result<(), StoreError> {
        self.run(self.release.arg(server.as_str()).arg(client.0))
            .await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<String>, StoreError> {
        self.query(redis::cmd("GET").arg(name(key))).await
    }

    async fn create_record(
        &self,
        key: &RecordKey,
        value: &str,
        lifetime: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(name(key)).arg(value).arg("NX");
        if let Some(lifetime) = lifetime {
            set.arg("PX").arg(millis(lifetime).max(1));
        }
        let created: Option<String> = self.query(&set).await?;
        Ok(created.is_some())
    }

    async fn remove_record(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.query(redis::cmd("DEL").arg(name(key))).await
    }
}
