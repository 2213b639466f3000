//! TLS certificate of the bridge.
//!
//! | file | contents |
//! | --- | --- |
//! | `development` | certificates for development: made, kept in a file, renewed |

mod development;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::der::Decode as _;

use super::error::BridgeError;

/// Source of the TLS certificate that identifies the bridge to browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Source);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Files { chain: PathBuf, key: PathBuf },
    Development { file: Option<PathBuf> },
}

impl Certificate {
    /// Certificate chain and key in PEM files, as issued by a certificate authority.
    pub fn from_files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self(Source::Files {
            chain: chain.into(),
            key: key.into(),
        })
    }

    /// Self-signed certificate made at the start, valid for 13 days. Only pages that name its hash
    /// (`serverCertificateHashes`) accept it.
    pub fn for_development() -> Self {
        Self(Source::Development { file: None })
    }

    /// The same, kept in `file` with its key, in PEM: its hash survives a restart.
    ///
    /// A file that does not exist is created, with mode 0600. Its certificate is used until a day
    /// before its end and then replaced, by one with another hash. A file with anything but such a
    /// certificate is an error, and stays as it is.
    pub fn for_development_in(file: impl Into<PathBuf>) -> Self {
        let file = Some(file.into());
        Self(Source::Development { file })
    }

    /// `true` for [`for_development`](Self::for_development) and
    /// [`for_development_in`](Self::for_development_in).
    pub fn is_for_development(&self) -> bool {
        matches!(self.0, Source::Development { .. })
    }

    pub(super) fn load(&self) -> Result<Loaded, BridgeError> {
        match &self.0 {
            Source::Files { chain, key } => Loaded::read(chain, key),
            Source::Development { file: Some(file) } => development::load(file),
            Source::Development { file: None } => development::generate(),
        }
    }

    /// Time of the last change of the files, if there are any.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        match &self.0 {
            Source::Files { chain, key } => modified(chain).max(modified(key)),
            Source::Development { file } => file.as_deref().and_then(modified),
        }
    }

    /// `true` if a certificate that ends at `expires` has to be replaced by now.
    pub(super) fn is_due(&self, expires: SystemTime) -> bool {
        self.is_for_development() && development::is_due(expires)
    }
}

/// Certificate and key in memory.
pub(super) struct Loaded {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Distinguished name of the subject.
    subject: String,
    /// End of the validity.
    pub(super) expires: SystemTime,
    /// Last change of the files, if there are any.
    pub(super) modified: Option<SystemTime>,
}

impl Loaded {
    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, String> {
        let first = chain.first().ok_or("holds no certificate in PEM")?;
        let parsed = x509_cert::Certificate::from_der(first).map_err(|error| error.to_string())?;
        let content = parsed.tbs_certificate();
        Ok(Self {
            subject: content.subject().to_string(),
            expires: content.validity().not_after.to_system_time(),
            modified: None,
            chain,
            key,
        })
    }

    fn read(chain_path: &Path, key_path: &Path) -> Result<Self, BridgeError> {
        // A change while the files are read is a change after it.
        let modified = modified(chain_path).max(modified(key_path));
        let chain: Vec<_> = CertificateDer::pem_file_iter(chain_path)
            .and_then(Iterator::collect)
            .map_err(|error| unusable(chain_path, &error))?;
        let key =
            PrivateKeyDer::from_pem_file(key_path).map_err(|error| unusable(key_path, &error))?;
        let loaded = Self::new(chain, key).map_err(|error| unusable(chain_path, &error))?;
        Ok(Self { modified, ..loaded })
    }

    /// SHA-256 of the DER certificate, as `serverCertificateHashes` expects it.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        if let Some(first) = self.chain.first() {
            hash.copy_from_slice(digest(&SHA256, first).as_ref());
        }
        hash
    }

    /// TLS configuration for connections of one of `protocols` (ALPN).
    pub(super) fn server_config(&self, protocols: &[&[u8]]) -> Result<ServerConfig, BridgeError> {
        let failed = |error: rustls::Error| BridgeError::Certificate(error.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(failed)?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    let file = std::fs::metadata(path).ok()?;
    file.modified().ok()
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> BridgeError {
    BridgeError::Certificate(format!("{}: {error}", path.display()))
}
