//! TLS certificate of the bridge.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::error::BridgeError;

/// Lifetime of a development certificate. Browsers accept a certificate by its hash only if its
/// lifetime is at most 14 days; it begins an hour in the past, for clocks that are slow.
const DEVELOPMENT_LIFETIME: Duration = Duration::from_secs(13 * 24 * 3600);
const BACKDATED: Duration = Duration::from_secs(3600);

/// Source of the TLS certificate that identifies the bridge to browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Source);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Files { chain: PathBuf, key: PathBuf },
    Development,
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
        Self(Source::Development)
    }

    /// `true` for [`for_development`](Self::for_development).
    pub fn is_for_development(&self) -> bool {
        self.0 == Source::Development
    }

    /// Time of the files' last change. The certificate needs to be reloaded when it changes.
    pub fn modified(&self) -> Option<SystemTime> {
        let Source::Files { chain, key } = &self.0 else {
            return None;
        };
        let modified = |path: &Path| {
            std::fs::metadata(path)
                .and_then(|file| file.modified())
                .ok()
        };
        modified(chain).max(modified(key))
    }

    pub(super) fn load(&self) -> Result<Loaded, BridgeError> {
        match &self.0 {
            Source::Files { chain, key } => Loaded::read(chain, key),
            Source::Development => Loaded::generate(),
        }
    }
}

/// Certificate and key in memory.
pub(super) struct Loaded {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Loaded {
    fn read(chain_path: &Path, key_path: &Path) -> Result<Self, BridgeError> {
        let wrong = |path: &Path, error: &dyn std::fmt::Display| {
            BridgeError::Certificate(format!("{}: {error}", path.display()))
        };
        let chain: Vec<_> = CertificateDer::pem_file_iter(chain_path)
            .and_then(Iterator::collect)
            .map_err(|error| wrong(chain_path, &error))?;
        if chain.is_empty() {
            return Err(wrong(chain_path, &"holds no certificate in PEM"));
        }
        let key =
            PrivateKeyDer::from_pem_file(key_path).map_err(|error| wrong(key_path, &error))?;
        Ok(Self { chain, key })
    }

    fn generate() -> Result<Self, BridgeError> {
        let failed = |error: rcgen::Error| BridgeError::Certificate(error.to_string());
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).map_err(failed)?;
        let begin = SystemTime::now() - BACKDATED;
        params.not_before = begin.into();
        params.not_after = (begin + DEVELOPMENT_LIFETIME).into();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self {
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
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
