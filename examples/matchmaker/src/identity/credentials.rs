//! File of credentials: API keys and devices.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{ApiKeys, Devices, api_keys, devices};

/// Contents of the file.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Accepted API keys.
    pub keys: ApiKeys,
    /// Registered devices.
    pub devices: Devices,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<api_keys::Entry>,
    #[serde(default)]
    device: Vec<devices::Entry>,
}

impl Credentials {
    /// Reads a file. Tables `[[key]]` have `name`, `role` (`player`, `server`, `admin`), `sha256` and,
    /// for a player, `client_id`; tables `[[device]]` have `id`, `public_key` (64 hexadecimal digits)
    /// and, if it is not the id, `client_id`.
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
        let File { key, device } = toml::from_str(text)?;
        Ok(Self {
            keys: ApiKeys::new(key)?,
            devices: Devices::new(device)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_entry_is_refused_by_its_name() {
        let sha256 = "ab".repeat(32);
        let key = |more: &str| format!("[[key]]\nname = \"eu\"\nrole = \"server\"\n{more}\n");
        let good = key(&format!("sha256 = \"{sha256}\""));
        Credentials::parse(&good).unwrap();
        let device = "[[device]]\nid = 7\npublic_key = \"00\"\n";
        for (text, fault) in [
            (key("sha256 = \"ab\""), "key eu: sha256 is 64"),
            (key(""), "sha256"),
            (good.repeat(2), "key eu: it is there twice"),
            (good.replace("server", "king"), "king"),
            (device.to_owned(), "device 7: public_key is 64"),
            (device.replace("[[device]]", "[[devices]]"), "devices"),
        ] {
            let refused = format!("{:#}", Credentials::parse(&text).unwrap_err());
            assert!(refused.contains(fault), "{fault}: {refused}");
        }
    }
}
