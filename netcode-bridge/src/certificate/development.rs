//! Certificates for development: made, kept in a file, renewed.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tempfile::NamedTempFile;

use super::{Loaded, unusable};
use crate::error::BridgeError;

/// Lifetime of a certificate. Browsers accept a certificate by its hash only if its lifetime is at
/// most 14 days; it begins an hour in the past, for clocks that are slow.
const LIFETIME: Duration = Duration::from_secs(13 * 24 * 3600);
const BACKDATED: Duration = Duration::from_secs(3600);

/// Time before its end at which a certificate is replaced.
const RENEWED_BEFORE_END: Duration = Duration::from_secs(24 * 3600);

/// Subject of every certificate, which tells it from others.
const COMMON_NAME: &str = "netcode-bridge development";

/// `true` if a certificate that ends at `expires` has to be replaced by now.
pub(super) fn is_due(expires: SystemTime) -> bool {
    expires < SystemTime::now() + RENEWED_BEFORE_END
}

/// Certificate in `file`; a new one if there is none, or if it has to be replaced.
pub(super) fn load(file: &Path) -> Result<Loaded, BridgeError> {
    let exists = file.try_exists().map_err(|error| unusable(file, &error))?;
    if !exists && create(file)? {
        return read(file);
    }
    let kept = read(file)?;
    if !is_due(kept.expires) {
        return Ok(kept);
    }
    replace(file)?;
    read(file)
}

fn read(file: &Path) -> Result<Loaded, BridgeError> {
    let loaded = Loaded::read(file, file)?;
    if loaded.subject != format!("CN={COMMON_NAME}") {
        let text = "not a development certificate of a bridge; name a file that does not exist, or \
                    use this one as certificate and key";
        return Err(unusable(file, &text));
    }
    Ok(loaded)
}

/// Creates the file. `false` if another process has just done so.
fn create(file: &Path) -> Result<bool, BridgeError> {
    match write_beside(file)?.persist_noclobber(file) {
        Ok(_) => Ok(true),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(failed) => Err(unusable(file, &failed.error)),
    }
}

/// Replaces the file in one step: a reader finds the old one or the new one.
fn replace(file: &Path) -> Result<(), BridgeError> {
    // A link keeps its place.
    let target = file
        .canonicalize()
        .map_err(|error| unusable(file, &error))?;
    let written = write_beside(&target)?;
    let persisted = written.persist(&target);
    persisted.map_err(|failed| unusable(file, &failed.error))?;
    Ok(())
}

/// Writes a new certificate and its key to a temporary file beside `file`, with mode 0600.
fn write_beside(file: &Path) -> Result<NamedTempFile, BridgeError> {
    let (certificate, key) = self_signed(SystemTime::now() - BACKDATED)?;
    let write = || {
        let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
        let mut written = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        written.write_all(certificate.pem().as_bytes())?;
        written.write_all(key.serialize_pem().as_bytes())?;
        written.as_file().sync_all()?;
        Ok(written)
    };
    write().map_err(|error: std::io::Error| unusable(file, &error))
}

/// New certificate in memory alone.
pub(super) fn generate() -> Result<Loaded, BridgeError> {
    let (certificate, key) = self_signed(SystemTime::now() - BACKDATED)?;
    let chain = vec![certificate.der().clone()];
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    Loaded::new(chain, key).map_err(BridgeError::Certificate)
}

fn self_signed(begin: SystemTime) -> Result<(rcgen::Certificate, KeyPair), BridgeError> {
    let failed = |error: rcgen::Error| BridgeError::Certificate(error.to_string());
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, COMMON_NAME);
    params.not_before = begin.into();
    params.not_after = (begin + LIFETIME).into();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok((certificate, key))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A file in `folder` with a certificate that ends `left` from now.
    fn kept(folder: &Path, left: Duration) -> std::path::PathBuf {
        let file = folder.join("development.pem");
        let (certificate, key) = self_signed(SystemTime::now() + left - LIFETIME).unwrap();
        fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
        file
    }

    #[test]
    fn a_kept_certificate_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("development.pem");
        let first = load(&file).unwrap();
        assert_eq!(load(&file).unwrap().hash(), first.hash());
        assert!(first.server_config(&[]).is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_kept_certificate_is_replaced_a_day_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        let file = kept(folder.path(), RENEWED_BEFORE_END + hour);
        let before = read(&file).unwrap().hash();
        assert_eq!(load(&file).unwrap().hash(), before);

        let file = kept(folder.path(), RENEWED_BEFORE_END - hour);
        let before = read(&file).unwrap().hash();
        let renewed = load(&file).unwrap();
        assert_ne!(renewed.hash(), before);
        assert!(!is_due(renewed.expires));
        assert_eq!(load(&file).unwrap().hash(), renewed.hash());
        // No temporary file is left behind.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_with_anything_else_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("privkey.pem");
        let foreign = rcgen::generate_simple_self_signed(["game.example".to_owned()]).unwrap();
        let foreign = foreign.cert.pem() + &foreign.signing_key.serialize_pem();
        for content in ["", "notes", &foreign] {
            fs::write(&file, content).unwrap();
            let error = load(&file).err().unwrap().to_string();
            assert!(error.contains("privkey.pem"), "{error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
    }

    #[test]
    fn a_file_that_cannot_be_created_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("missing").join("development.pem");
        let error = load(&file).err().unwrap().to_string();
        assert!(error.contains("development.pem"), "{error}");
    }

    #[test]
    fn browsers_accept_the_lifetime() {
        assert!(LIFETIME <= Duration::from_secs(14 * 24 * 3600));
    }
}
