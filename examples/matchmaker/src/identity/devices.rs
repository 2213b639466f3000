//! Registered devices: a device is known by its X25519 public key. It needs no other credential,
//! since nobody else can open the token that is sealed to it.

use std::collections::HashMap;
use std::path::Path;

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: u64,
    public_key: String,
    /// Absent: the device's id.
    client_id: Option<u64>,
}

#[derive(Default, Deserialize)]
struct File {
    #[serde(default)]
    device: Vec<Entry>,
}

/// All registered devices.
#[derive(Debug, Default)]
pub struct Devices(HashMap<DeviceId, Device>);

impl Devices {
    /// Reads the devices of a file: tables `[[device]]` with `id`, `public_key` (64 hexadecimal
    /// digits) and, if it is not the id, `client_id`.
    ///
    /// # Errors
    /// The file cannot be read, or an entry is malformed.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("malformed {}", path.display()))
    }

    /// Parses the text of such a file.
    ///
    /// # Errors
    /// An entry is malformed.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        let mut devices = HashMap::new();
        for entry in file.device {
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
