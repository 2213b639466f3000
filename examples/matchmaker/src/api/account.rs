//! `/v1/account` and `/v1/session`: the accounts of the site itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::problem::{Code, Refusal};
use crate::identity::{Accounts, is_of_this_site};
use crate::service::Service;

/// Name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// 3 to 20 lowercase letters, digits, hyphens and underscores.
    #[schema(pattern = "^[a-z0-9_-]{3,20}$", example = "alice")]
    name: String,
    /// 10 to 128 bytes.
    #[schema(min_length = 10, max_length = 128)]
    password: String,
}

/// Account of a session.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountResponse {
    /// Name. Absent: nobody is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "alice")]
    name: Option<String>,
}

type SignedIn = ([(HeaderName, HeaderValue); 1], Json<AccountResponse>);

/// The accounts, for a request of this site alone: another site could sign a visitor in to an
/// account of its own.
fn accounts<'s>(service: &'s Service, headers: &HeaderMap) -> Result<&'s Accounts, Refusal> {
    if !is_of_this_site(headers) {
        let detail = "only pages of this site may do this";
        return Err(Refusal::new(Code::Forbidden, detail));
    }
    let none = || Refusal::new(Code::NotFound, "this service has no accounts of its own");
    service.accounts.as_deref().ok_or_else(none)
}

/// Create an account, and sign in
#[utoipa::path(
    post, path = "/v1/account", tag = "accounts", request_body = Credentials,
    responses((status = 200, description = "Signed in", body = AccountResponse), Refusal),
)]
pub(super) async fn sign_up(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Body(Credentials { name, password }): Body<Credentials>,
) -> Result<SignedIn, Refusal> {
    let session = accounts(&service, &headers)?
        .sign_up(&name, password)
        .await?;
    Ok((
        [(header::SET_COOKIE, session.0)],
        Json(AccountResponse { name: Some(name) }),
    ))
}

/// Sign in
#[utoipa::path(
    post, path = "/v1/session", tag = "accounts", request_body = Credentials,
    responses((status = 200, description = "Signed in", body = AccountResponse), Refusal),
)]
pub(super) async fn sign_in(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Body(Credentials { name, password }): Body<Credentials>,
) -> Result<SignedIn, Refusal> {
    let accounts = accounts(&service, &headers)?;
    // Against those who guess the password of one account from many addresses.
    service.limits.check_account(&format!("sign-in:{name}"))?;
    let session = accounts.sign_in(&name, password).await?;
    Ok((
        [(header::SET_COOKIE, session.0)],
        Json(AccountResponse { name: Some(name) }),
    ))
}

/// Read who is signed in
#[utoipa::path(
    get, path = "/v1/session", tag = "accounts",
    responses((status = 200, description = "Account", body = AccountResponse), Refusal),
)]
pub(super) async fn who(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Json<AccountResponse>, Refusal> {
    let name = accounts(&service, &headers)?.name(&headers).await?;
    Ok(Json(AccountResponse { name }))
}

/// Sign out
#[utoipa::path(
    delete, path = "/v1/session", tag = "accounts",
    responses((status = 204, description = "Signed out"), Refusal),
)]
pub(super) async fn sign_out(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), Refusal> {
    let cookie = accounts(&service, &headers)?.sign_out(&headers).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]))
}
