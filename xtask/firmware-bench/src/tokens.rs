//! Tokens for the hub.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use netcode_std::core::client;
use netcode_std::core::crypto::Key;
use netcode_std::core::standard::MAX_DATAGRAM_BYTES;
use netcode_std::core::token::{ConnectToken, TokenSpec, mint};
use netcode_std::core::{ClientId, Instant, ProtocolId, Timeout};
use netcode_std::{generator, unix_time};

pub(crate) const SENSOR: ProtocolId = ProtocolId(0x5365_6e73);
pub(crate) const HUB: ProtocolId = ProtocolId(0x4875_6220);
pub(crate) const KEY: [u8; 32] = [0x42; 32];

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
