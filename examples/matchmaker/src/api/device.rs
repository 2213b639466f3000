//! `POST /v1/device/connect`: a sealed token for a registered device.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use netcode_std::core::sealed::{DeviceId, DeviceNonce, DevicePublic, SealContext};
use serde::Deserialize;
use utoipa::ToSchema;

use super::body::Body;
use super::connect::labels;
use super::problem::{Code, Refusal};
use crate::metrics::TokenKind;
use crate::placement::Ask;
use crate::service::Service;
use crate::store::parse_client_id;

/// Request of a device. None of it is secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeviceRequest {
    /// Id of the device, as decimal text.
    #[schema(pattern = "^(0|[1-9][0-9]{0,18})$", example = "7")]
    device_id: String,
    /// X25519 public key of the device, 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    public_key: String,
    /// Nonce that the device drew for this request, 32 hexadecimal digits. The answer opens with no
    /// other.
    #[schema(
        pattern = "^[0-9a-f]{32}$",
        example = "000102030405060708090a0b0c0d0e0f"
    )]
    nonce: String,
    /// Labels that the server must have.
    #[serde(default)]
    #[schema(value_type = HashMap<String, String>, example = json!({"region": "eu"}))]
    labels: BTreeMap<String, String>,
}

fn digits<const N: usize>(field: &str, text: &str) -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| {
        let detail = format!("{field}: {} hexadecimal digits", N.saturating_mul(2));
        Refusal::new(Code::InvalidRequest, detail)
    })?;
    Ok(bytes)
}

/// Mint a token for a device, sealed to its key
///
/// The answer can be opened by the device alone, and for this nonce alone, so it may travel over
/// plain HTTP. It is 2097 bytes: see `netcode_core::sealed`.
#[utoipa::path(
    post, path = "/v1/device/connect", tag = "devices",
    request_body = DeviceRequest,
    responses(
        (status = 200, description = "Sealed token, 2097 bytes", body = Vec<u8>,
         content_type = "application/octet-stream"),
        Refusal,
    ),
)]
pub(super) async fn connect(
    State(service): State<Arc<Service>>,
    Body(request): Body<DeviceRequest>,
) -> Result<([(HeaderName, HeaderValue); 2], Vec<u8>), Refusal> {
    let id = parse_client_id(&request.device_id).ok_or_else(|| {
        Refusal::new(Code::InvalidRequest, "deviceId: a number in decimal digits")
    })?;
    let id = DeviceId(id.0);
    let public = DevicePublic::from_bytes(digits("publicKey", &request.public_key)?);
    let nonce = DeviceNonce::from_bytes(digits("nonce", &request.nonce)?);
    let labels = labels(request.labels)?;
    let unknown = || {
        Refusal::new(
            Code::UnknownDevice,
            "no device of this id and key is registered",
        )
    };
    let device = service.devices.find(id, &public).ok_or_else(unknown)?;
    let sealer = service.mint.sealer.as_ref().ok_or_else(unknown)?;
    service.limits.check_account(&format!("device:{id}"))?;

    let ask = Ask {
        client: device.client,
        labels,
    };
    let (minted, placed) = service.connect(&ask, TokenKind::sealed).await?;
    let context = SealContext {
        protocol_id: service.mint.protocol_id,
        device_id: id,
        nonce,
    };
    let sealed = service.mint.seal(sealer, &context, &public, &minted.token);
    match sealed {
        Ok(message) => {
            let octets = HeaderValue::from_static("application/octet-stream");
            let no_store = HeaderValue::from_static("no-store");
            let headers = [
                (header::CONTENT_TYPE, octets),
                (header::CACHE_CONTROL, no_store),
            ];
            Ok((headers, message.to_vec()))
        }
        Err(refusal) => {
            service.placement.give_back(&ask, &placed).await;
            Err(refusal)
        }
    }
}
