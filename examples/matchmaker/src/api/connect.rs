//! `POST /v1/connect`: a token for the player who asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::caller::SignedIn;
use super::problem::{Code, Refusal};
use crate::metrics::TokenKind;
use crate::placement::Ask;
use crate::service::Service;
use crate::store::{Bridge, check_labels};

/// Tokens hold session keys: no cache keeps them.
pub(super) const NO_STORE: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// Wishes of a player. `{}` is enough.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectRequest {
    /// Labels that the server must have, at most 16, keys and values of 1 to 63 bytes.
    #[serde(default)]
    #[schema(value_type = HashMap<String, String>, example = json!({"region": "eu"}))]
    labels: BTreeMap<String, String>,
}

/// Token, and all that a client needs to use it. The object can be passed to
/// `NetcodeClient.connect` of the npm package as its options.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectResponse {
    /// Connect token, 2048 bytes in base64. Secret: it lets its holder play as this client.
    #[schema(min_length = 2732, max_length = 2732)]
    token: String,
    /// Time from which no server accepts the token, Unix seconds.
    #[schema(example = 1_800_000_045)]
    expires: u64,
    /// Id of the client, as decimal text: JSON numbers lose digits.
    #[schema(example = "7")]
    client_id: String,
    /// Addresses of the servers in the token, in the order in which a client tries them.
    #[schema(example = json!(["203.0.113.7:40000"]))]
    servers: Vec<String>,
    /// URLs of the bridge, for browsers. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<BridgeUrls>,
    /// SHA-256 of certificates that no authority signed, in base64. For development.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificate_hashes: Vec<String>,
}

/// URLs of a bridge.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BridgeUrls {
    /// For WebTransport.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://bridge.example:4433")]
    webtransport: Option<String>,
    /// For WebRTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://bridge.example:4433")]
    webrtc: Option<String>,
}

/// Labels of a request, checked.
pub(super) fn labels(
    labels: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Refusal> {
    check_labels(&labels).map_err(|fault| Refusal::new(Code::InvalidRequest, fault))?;
    Ok(labels)
}

/// Mint a token for the player who asks
///
/// Reserves a slot at a server and mints a token for it. A player who asks again within the
/// token's lifetime keeps the same slot.
#[utoipa::path(
    post, path = "/v1/connect", tag = "players", security(("bearer" = [])),
    request_body = ConnectRequest,
    responses((status = 200, description = "Token", body = ConnectResponse), Refusal),
)]
pub(super) async fn connect(
    State(service): State<Arc<Service>>,
    caller: SignedIn,
    Body(request): Body<ConnectRequest>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<ConnectResponse>), Refusal> {
    let client = caller.player()?;
    let ask = Ask {
        client,
        labels: labels(request.labels)?,
    };
    let (minted, placed) = service.connect(&ask, TokenKind::plain).await?;
    let bridge = placed.bridge.as_ref().unwrap_or(&service.bridge);
    let response = ConnectResponse {
        token: BASE64_STANDARD.encode(minted.token),
        expires: minted.expires,
        client_id: client.to_string(),
        servers: placed
            .addresses
            .iter()
            .map(|it| it.public.to_string())
            .collect(),
        bridge: bridge_urls(bridge),
        certificate_hashes: bridge.certificate_hashes.clone(),
    };
    Ok((NO_STORE, Json(response)))
}

fn bridge_urls(bridge: &Bridge) -> Option<BridgeUrls> {
    let Bridge {
        webtransport,
        webrtc,
        ..
    } = bridge.clone();
    (webtransport.is_some() || webrtc.is_some()).then_some(BridgeUrls {
        webtransport,
        webrtc,
    })
}
