//! `/v1/servers`: heartbeats of dedicated servers, and the list of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::Body;
use super::caller::SignedIn;
use super::problem::{Code, Refusal};
use crate::service::Service;
use crate::store::{Heartbeat, Recorded, ServerId, ServerState};

/// Answer to a heartbeat.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HeartbeatResponse {
    /// Slots reserved for tokens on their way.
    reserved: u32,
    /// Seconds to wait before the next heartbeat, at most.
    next_within_seconds: u64,
}

/// Store the heartbeat of a server
///
/// A server sends its whole state every few seconds. One that falls silent, or drains, gets no more
/// players. Its credential is an API key of role `server` whose name is the server's, or the
/// server's up to a hyphen.
#[utoipa::path(
    put, path = "/v1/servers/{id}", tag = "servers", security(("bearer" = [])),
    params(("id" = String, Path, description = "Name of the server",
            pattern = "^[a-z0-9][a-z0-9-]{0,62}$")),
    request_body = Heartbeat,
    responses((status = 200, description = "Stored", body = HeartbeatResponse), Refusal),
)]
pub(super) async fn heartbeat(
    State(service): State<Arc<Service>>,
    caller: SignedIn,
    id: Result<Path<String>, PathRejection>,
    Body(heartbeat): Body<Heartbeat>,
) -> Result<Json<HeartbeatResponse>, Refusal> {
    let invalid = |fault: String| Refusal::new(Code::InvalidRequest, fault);
    let Path(id) = id.map_err(|error| invalid(error.body_text()))?;
    let rule = || invalid("id: 1 to 63 lowercase letters, digits and hyphens".into());
    let id = ServerId::new(&id).ok_or_else(rule)?;
    caller.speaks_for(id.as_str())?;
    service.limits.check_server(&id)?;
    heartbeat.check().map_err(invalid)?;
    let recorded = service
        .store
        .heartbeat(&id, &heartbeat, service.silent_after)
        .await?;
    match recorded {
        Recorded::Stored { reserved } => {
            service.metrics.heartbeat();
            Ok(Json(HeartbeatResponse {
                reserved,
                next_within_seconds: (service.silent_after.as_secs() / 3).max(1),
            }))
        }
        Recorded::AddressInUse { by } => {
            let detail = format!("server {by} is alive and has one of these addresses");
            Err(Refusal::new(Code::AddressInUse, detail))
        }
    }
}

/// All servers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerList {
    /// In the order of their names.
    servers: Vec<Server>,
}

/// Server, with what the service knows of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Server {
    /// Name.
    id: String,
    /// Last heartbeat, without the list of clients.
    heartbeat: Heartbeat,
    /// Slots reserved for tokens on their way.
    reserved: u32,
    /// Slots that are neither taken nor reserved.
    free: u32,
    /// The server gets players while a slot is free: it is alive and does not drain.
    accepting: bool,
    /// Seconds since the last heartbeat.
    age_seconds: u64,
}

/// List all servers, for operators
#[utoipa::path(
    get, path = "/v1/servers", tag = "servers", security(("bearer" = [])),
    responses((status = 200, description = "Servers", body = ServerList), Refusal),
)]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: SignedIn,
) -> Result<Json<ServerList>, Refusal> {
    caller.admin()?;
    let mut servers = service.store.servers().await?;
    servers.sort_by(|one, other| one.id.cmp(&other.id));
    let server = |state: ServerState| Server {
        reserved: state.reserved,
        free: state.free(),
        accepting: state.accepts(service.silent_after),
        age_seconds: state.age.as_secs(),
        id: state.id.to_string(),
        heartbeat: state.heartbeat,
    };
    Ok(Json(ServerList {
        servers: servers.into_iter().map(server).collect(),
    }))
}
