//! Registered devices: a device is known by its X25519 public key. It needs no other credential,
//! since nobody else can open the token that is sealed to it.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use netcode_std::ClientId;
use netcode_std::core::sealed::{DeviceId, DevicePublic};
use serde::Deserialize;

/// Registered device.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Key that its tokens are sealed to.
    pub public: DevicePublic,
    /// Client id in its tokens.
    pub client: ClientId,
}

/// Table `[[device]]` of the file of credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    id: u64,
    public_key: String,
    /// Absent: the device's id.
    client_id: Option<u64>,
}

/// All registered devices.
#[derive(Debug, Default)]
pub struct Devices(HashMap<DeviceId, Device>);

impl Devices {
    pub(super) fn new(entries: Vec<Entry>) -> Result<Self> {
        let mut devices = HashMap::new();
        for entry in entries {
            let mut public = [0; 32];
            hex::decode_to_slice(&entry.public_key, &mut public).with_context(|| {
                format!("device {}: public_key is 64 hexadecimal digits", entry.id)
            })?;
            let device = Device {
                public: DevicePublic::from_bytes(public),
                client: ClientId(entry.client_id.unwrap_or(entry.id)),
            };
            let before = devices.insert(DeviceId(entry.id), device);
            ensure!(before.is_none(), "device {}: it is there twice", entry.id);
        }
        Ok(Self(devices))
    }

    /// Device of this id, if it is registered with this key.
    pub fn find(&self, id: DeviceId, public: &DevicePublic) -> Option<&Device> {
        self.0.get(&id).filter(|device| device.public == *public)
    }
}
