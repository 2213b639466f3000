//! The backend's part: tokens, sealed for the sensor.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use netcode_std::core::client;
use netcode_std::core::crypto::Key;
use netcode_std::core::sealed::{
    DEVICE_NONCE_BYTES, DeviceId, DeviceNonce, DeviceSecret, SEALED_TOKEN_BYTES, SealContext,
    SealerSecret, seal_token,
};
use netcode_std::core::standard::MAX_DATAGRAM_BYTES;
use netcode_std::core::token::{ConnectToken, TokenSpec, mint};
use netcode_std::core::{ClientId, Instant, ProtocolId, Timeout};
use netcode_std::{generator, unix_time};

use crate::board::read_log;

pub(crate) const SENSOR: ProtocolId = ProtocolId(0x5365_6e73);
pub(crate) const HUB: ProtocolId = ProtocolId(0x4875_6220);
pub(crate) const KEY: [u8; 32] = [0x42; 32];

/// Words of the sensor in front of the nonce of a request.
pub(crate) const ASKS: &str = "sensor: asks for a token: ";

/// The device's and the backend's example keys, as the firmware has them: see its `provision.rs`.
const DEVICE: [u8; 32] = *b"example device key, not a secret";
const BACKEND: [u8; 32] = *b"example backend key, no secret..";

/// A connection request for `server` sealed with another private key.
pub(crate) fn request_without_key(protocol_id: ProtocolId, server: SocketAddr) -> Result<Vec<u8>> {
    let token = mint_with([0x17; 32], protocol_id, 9, server, server)?;
    let mut client = client::Client::new();
    client.connect(Instant::ZERO, &token)?;
    let mut buffer = [0; MAX_DATAGRAM_BYTES];
    let request = client.poll_transmit(Instant::ZERO, &mut buffer);
    Ok(request.context("no request")?.datagram.to_vec())
}

/// A token for a server that clients dial at `public` and that knows itself as `internal`.
pub(crate) fn token(
    protocol_id: ProtocolId,
    id: u64,
    public: SocketAddr,
    internal: SocketAddr,
) -> Result<ConnectToken> {
    mint_with(KEY, protocol_id, id, public, internal)
}

fn mint_with(
    key: [u8; 32],
    protocol_id: ProtocolId,
    id: u64,
    public: SocketAddr,
    internal: SocketAddr,
) -> Result<ConnectToken> {
    let now = unix_time();
    let (servers, internal) = ([public], [internal]);
    let spec = TokenSpec::new(protocol_id, ClientId(id), &servers, now)
        .with_lifetime(Duration::from_secs(120))
        .with_timeout(Timeout::from_secs(5))
        .with_internal_addresses(&internal);
    Ok(mint(&spec, &Key::from_bytes(key), &mut generator()?)?)
}

/// Answers the latest request of the sensor in `folder`: hands it a sealed token for `server`.
pub(crate) fn provision(folder: &Path, server: SocketAddr) -> Result<()> {
    answer(folder, server, latest_nonce(folder)?)
}

/// The nonce of the latest request of the sensor in `folder`.
pub(crate) fn latest_nonce(folder: &Path) -> Result<DeviceNonce> {
    let log = read_log(folder);
    let asked = log.rsplit_once(ASKS).context("no request for a token")?;
    let nonce = asked
        .1
        .get(..2 * DEVICE_NONCE_BYTES)
        .context("truncated nonce")?;
    let bytes = (0..DEVICE_NONCE_BYTES).map(|at| u8::from_str_radix(&nonce[2 * at..][..2], 16));
    let bytes: Vec<u8> = bytes.collect::<Result<_, _>>()?;
    Ok(DeviceNonce::from_bytes(bytes.as_slice().try_into()?))
}

/// Hands the sensor in `folder` a token for `server` that answers the request with this nonce.
pub(crate) fn answer(folder: &Path, server: SocketAddr, nonce: DeviceNonce) -> Result<()> {
    let token = token(SENSOR, 7, server, server)?;
    let context = SealContext {
        protocol_id: SENSOR,
        device_id: DeviceId(7),
        nonce,
    };
    let device = DeviceSecret::from_bytes(DEVICE).public();
    let mut message = [0; SEALED_TOKEN_BYTES];
    let backend = SealerSecret::from_bytes(BACKEND);
    seal_token(
        &context,
        &backend,
        &device,
        &token,
        &mut generator()?,
        &mut message,
    )?;
    // Renamed into place, so that the board never reads half a file.
    let unfinished = folder.join("sensor.token.unfinished");
    std::fs::write(&unfinished, message)?;
    Ok(std::fs::rename(unfinished, folder.join("sensor.token"))?)
}
