//! The caller of a request: its address, its account, and the limits of both.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use netcode_std::ClientId;

use super::problem::{Code, Refusal};
use crate::identity::{Caller, Role};
use crate::service::Service;

/// Address of the caller.
pub(super) struct From(pub(super) IpAddr);

impl FromRequestParts<Arc<Service>> for From {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Refusal> {
        let from = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let from = from.ok_or_else(|| Refusal::internal(&"no address of the connection"))?;
        Ok(Self(service.proxies.caller(from.0, &parts.headers)))
    }
}

/// Caller that is recognized, and within its limit. Servers have a limit each, however many of them
/// share a key: [`Limits::check_server`](crate::limits::Limits::check_server).
pub(super) struct SignedIn(pub(super) Caller);

impl FromRequestParts<Arc<Service>> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Refusal> {
        let From(address) = From::from_request_parts(parts, service).await?;
        let caller = service.identities.identify(&parts.headers).await;
        let caller = caller.map_err(|refusal| service.refused(address, refusal))?;
        if caller.role != Role::Server {
            service.limits.check_account(&caller.account)?;
        }
        Ok(Self(caller))
    }
}

impl SignedIn {
    /// Client id of a player.
    pub(super) fn player(&self) -> Result<ClientId, Refusal> {
        match self.0.role {
            Role::Player(client) => Ok(client),
            Role::Server | Role::Admin => Err(forbidden("players alone get tokens")),
        }
    }

    /// Permission of an operator.
    pub(super) fn admin(&self) -> Result<(), Refusal> {
        match self.0.role {
            Role::Admin => Ok(()),
            Role::Player(_) | Role::Server => Err(forbidden("this is for operators")),
        }
    }

    /// Permission to speak for a server.
    pub(super) fn speaks_for(&self, server: &str) -> Result<(), Refusal> {
        let account = &self.0.account;
        let rest = server.strip_prefix(account.as_str());
        let named = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        if self.0.role == Role::Server && named {
            return Ok(());
        }
        Err(forbidden(
            "a server's key speaks for servers with its name, or its name and a hyphen in front",
        ))
    }
}

fn forbidden(detail: &str) -> Refusal {
    Refusal::new(Code::Forbidden, detail)
}

/// Counts a request against the limit of its address, before anything else is done for it.
pub(super) async fn limit_address(
    State(service): State<Arc<Service>>,
    From(address): From,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    service.limits.check_address(address)?;
    Ok(next.run(request).await)
}
