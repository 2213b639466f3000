//! Dedicated servers, as they describe themselves in heartbeats.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use netcode_std::ClientId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Name of a server: 1 to 63 lowercase letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServerId(String);

impl ServerId {
    /// Longest name, bytes.
    pub const MAX_BYTES: usize = 63;

    /// Name from its text; `None` if it is malformed.
    pub fn new(text: &str) -> Option<Self> {
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let valid = text.len() <= Self::MAX_BYTES
            && text.bytes().next().is_some_and(letter)
            && text.bytes().all(|byte| letter(byte) || byte == b'-');
        valid.then(|| Self(text.to_owned()))
    }

    /// Text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// URLs of a bridge, for browsers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bridge {
    /// Base URL for WebTransport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, example = "https://bridge.example:4433")]
    pub webtransport: Option<String>,
    /// Base URL to which WebRTC offers are posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, example = "https://bridge.example:4433")]
    pub webrtc: Option<String>,
    /// SHA-256 of certificates that no authority signed, in base64. For development.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4, max_length = 64)]
    pub certificate_hashes: Vec<String>,
}

/// State of a server, sent by itself every few seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Heartbeat {
    /// Public addresses, IP and port, which clients try in this order: `203.0.113.7:40000`,
    /// `[2001:db8::7]:40000`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 4, example = json!(["203.0.113.7:40000"]))]
    pub addresses: Vec<SocketAddr>,
    /// Addresses by which the server recognizes itself in a token, as many as public ones. Absent
    /// or empty: the public ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, max_items = 4)]
    pub internal_addresses: Vec<SocketAddr>,
    /// Number of client slots.
    #[schema(minimum = 1, maximum = 100_000)]
    pub capacity: u32,
    /// Number of slots that are taken.
    #[schema(maximum = 100_000)]
    pub connected: u32,
    /// Ids of the connected clients, as decimal text. The slot reserved for a client's token is
    /// free again once the client is named here, for then `connected` counts it. Without the list,
    /// a slot counts twice until the token has expired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16_384, max_length = 20, example = json!(["7"]))]
    pub clients: Vec<String>,
    /// The server accepts no new clients, and ends when the last one has left.
    #[serde(default)]
    pub draining: bool,
    /// Labels, which a request for a token can ask for: region, map, version.
    #[serde(default)]
    #[schema(value_type = HashMap<String, String>, example = json!({"region": "eu"}))]
    pub labels: BTreeMap<String, String>,
    /// Bridge by which browsers reach this server. Absent: that of the service's configuration.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "bridge"
    )]
    pub bridge: Option<Bridge>,
}

/// Reads a bridge from an object alone: by itself, it would also be read from an array.
fn bridge<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Bridge>, D::Error> {
    let fields = Option::<serde_json::Map<_, _>>::deserialize(from)?;
    let read = |fields| Bridge::deserialize(serde_json::Value::Object(fields));
    fields
        .map(read)
        .transpose()
        .map_err(serde::de::Error::custom)
}

/// Most labels of a server or of a request.
const MAX_LABELS: usize = 16;
/// Longest key or value of a label, bytes.
const MAX_LABEL_BYTES: usize = 63;
const MAX_ADDRESSES: usize = 4;
const MAX_CAPACITY: u32 = 100_000;
const MAX_CLIENTS: usize = 16_384;
const MAX_URL_BYTES: usize = 200;

/// Checks the number and the lengths of labels.
///
/// # Errors
/// A sentence that names the fault.
pub fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), String> {
    if labels.len() > MAX_LABELS {
        return Err(format!("labels: at most {MAX_LABELS}"));
    }
    let fits = |text: &String| (1..=MAX_LABEL_BYTES).contains(&text.len());
    if !labels.iter().all(|(key, value)| fits(key) && fits(value)) {
        return Err(format!(
            "labels: keys and values of 1 to {MAX_LABEL_BYTES} bytes"
        ));
    }
    Ok(())
}

impl Heartbeat {
    /// Checks all fields.
    ///
    /// # Errors
    /// A sentence that names the field and the fault.
    pub fn check(&self) -> Result<(), String> {
        let named = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
        if !(1..=MAX_ADDRESSES).contains(&self.addresses.len()) {
            return Err(format!("addresses: 1 to {MAX_ADDRESSES}"));
        }
        if ![0, self.addresses.len()].contains(&self.internal_addresses.len()) {
            return Err("internalAddresses: none, or as many as addresses".into());
        }
        if !self
            .addresses
            .iter()
            .chain(&self.internal_addresses)
            .all(named)
        {
            return Err("addresses: an IP other than 0.0.0.0 or [::], and a port".into());
        }
        if !(1..=MAX_CAPACITY).contains(&self.capacity) {
            return Err(format!("capacity: 1 to {MAX_CAPACITY}"));
        }
        if self.connected > self.capacity {
            return Err("connected: at most the capacity".into());
        }
        if self.clients.len() > MAX_CLIENTS {
            return Err(format!("clients: at most {MAX_CLIENTS}"));
        }
        if let Some(id) = self.clients.iter().find(|id| parse_client_id(id).is_none()) {
            return Err(format!(
                "clients: {id:?} is not a client id in decimal digits"
            ));
        }
        check_labels(&self.labels)?;
        self.bridge.as_ref().map_or(Ok(()), Bridge::check)
    }

    /// Ids of the connected clients. Malformed ones, which [`Heartbeat::check`] refuses, are left
    /// out.
    pub fn client_ids(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.clients.iter().filter_map(|id| parse_client_id(id))
    }
}

impl Bridge {
    fn check(&self) -> Result<(), String> {
        let valid = |url: &Option<String>| {
            url.as_ref().is_none_or(|url| {
                let scheme = url.starts_with("https://") || url.starts_with("http://");
                url.len() <= MAX_URL_BYTES && scheme
            })
        };
        if !valid(&self.webtransport) || !valid(&self.webrtc) {
            return Err("bridge: URLs of HTTPS or HTTP".into());
        }
        let hashes = &self.certificate_hashes;
        if hashes.len() > 4 || hashes.iter().any(|hash| hash.len() > 64) {
            return Err("bridge: at most 4 certificate hashes in base64".into());
        }
        Ok(())
    }
}

/// Client id from decimal text without sign or leading zeros.
pub fn parse_client_id(text: &str) -> Option<ClientId> {
    let id = text.parse::<u64>().ok()?;
    (id.to_string() == text).then_some(ClientId(id))
}

/// State of a server, with what the service knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerState {
    /// Name.
    pub id: ServerId,
    /// Last heartbeat, without the clients.
    pub heartbeat: Heartbeat,
    /// Slots reserved for tokens that were handed out.
    pub reserved: u32,
    /// Time since the last heartbeat.
    pub age: Duration,
}

impl ServerState {
    /// Slots that are neither taken nor reserved.
    pub fn free(&self) -> u32 {
        let taken = self.heartbeat.connected.saturating_add(self.reserved);
        self.heartbeat.capacity.saturating_sub(taken)
    }

    /// `true` if new clients may be sent there while a slot is free.
    pub fn accepts(&self, silent_after: Duration) -> bool {
        !self.heartbeat.draining && self.age < silent_after
    }

    /// `true` if the server has all of these labels.
    pub fn has_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        labels
            .iter()
            .all(|(key, value)| self.heartbeat.labels.get(key) == Some(value))
    }
}
