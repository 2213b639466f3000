//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};

use super::caller::SignedIn;
use super::problem::{Code, Refusal};
use crate::service::Service;

/// Report that the process runs
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "Alive", body = String, content_type = "text/plain")),
)]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Report that requests can be answered
///
/// Not ready while the state cannot be reached, and once the service has begun to end.
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "Ready", body = String, content_type = "text/plain"),
        Refusal,
    ),
)]
pub(super) async fn ready(State(service): State<Arc<Service>>) -> Result<&'static str, Refusal> {
    if service.is_ending() {
        let ending = Refusal::new(Code::Unavailable, "the service ends");
        return Err(ending.retry_after(Duration::from_secs(5)));
    }
    service.store.servers().await?;
    Ok("ok\n")
}

/// Read the counters, for operators
#[utoipa::path(
    get, path = "/metrics", tag = "operation", security(("bearer" = [])),
    responses(
        (status = 200, description = "Counters, in the text format of OpenMetrics", body = String,
         content_type = "application/openmetrics-text"),
        Refusal,
    ),
)]
pub(super) async fn metrics(
    State(service): State<Arc<Service>>,
    caller: SignedIn,
) -> Result<([(HeaderName, HeaderValue); 1], String), Refusal> {
    caller.admin()?;
    let servers = service.store.servers().await?;
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0");
    let text = service.metrics.text(&servers, service.silent_after);
    Ok(([(header::CONTENT_TYPE, kind)], text))
}
