//! Certificates of a running bridge: changed files, renewal, expiry.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use netcode_bridge::{Bridge, BridgeConfig, Certificate, NotReady};
use tempfile::TempDir;

use crate::world::config;

/// A certificate and its key in files of their own.
struct Files {
    folder: TempDir,
    written: u64,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, written: 0 }
    }

    fn paths(&self) -> [PathBuf; 2] {
        ["chain.pem", "key.pem"].map(|name| self.folder.path().join(name))
    }

    /// Writes both files, with a time of change that differs from the last one.
    fn write(&mut self, chain: &str, key: &str) {
        self.written += 1;
        let modified = SystemTime::now() + Duration::from_secs(self.written);
        for (path, text) in self.paths().into_iter().zip([chain, key]) {
            fs::write(&path, text).unwrap();
            let file = File::options().append(true).open(path).unwrap();
            file.set_modified(modified).unwrap();
        }
    }

    fn issue(&mut self, not_after: (i32, u8, u8)) {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let (year, month, day) = not_after;
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.write(&certificate.pem(), &key.serialize_pem());
    }

    fn config(&self) -> BridgeConfig {
        let [chain, key] = self.paths();
        let mut config = config(&["127.0.0.1:1".parse().unwrap()]);
        config.certificate = Certificate::from_files(chain, key);
        config
    }
}

const LONG: (i32, u8, u8) = (2100, 1, 1);

#[test]
fn changed_files_are_noticed_once_and_unusable_ones_leave_the_certificate_in_use() {
    let mut files = Files::new();
    files.issue(LONG);
    let mut bridge = Bridge::start(files.config()).unwrap();
    assert!(!bridge.certificate_is_outdated());
    let first = bridge.addresses().certificate_hash;

    files.issue(LONG);
    assert!(bridge.certificate_is_outdated());
    let second = bridge.reload_certificate().unwrap();
    assert_ne!(second, first);
    assert!(!bridge.certificate_is_outdated());

    files.write("half of a file", "");
    assert!(bridge.certificate_is_outdated());
    bridge.reload_certificate().unwrap_err();
    assert_eq!(bridge.addresses().certificate_hash, second);
    assert!(!bridge.certificate_is_outdated());
}

#[test]
fn a_bridge_is_ready_while_its_certificate_is_valid_and_it_does_not_drain() {
    let mut files = Files::new();
    files.issue((2020, 1, 1));
    let mut bridge = Bridge::start(files.config()).unwrap();
    let monitor = bridge.monitor();
    assert_eq!(monitor.readiness(), Err(NotReady::CertificateExpired));
    files.issue(LONG);
    bridge.reload_certificate().unwrap();
    assert_eq!(monitor.readiness(), Ok(()));
    let expiry = "netcode_bridge_certificate_expiry_time_seconds 4102444800\n";
    assert!(monitor.metrics().contains(expiry));
    bridge.drain();
    assert_eq!(monitor.readiness(), Err(NotReady::Draining));
}

#[test]
fn bridges_that_share_a_development_certificate_follow_its_renewal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("development.pem");
    let start = || {
        let mut config = config(&["127.0.0.1:1".parse().unwrap()]);
        config.certificate = Certificate::for_development_in(&file);
        Bridge::start(config).unwrap()
    };
    let mut bridge = start();
    assert!(!bridge.certificate_is_outdated());
    let before = bridge.addresses().certificate_hash;
    // Another bridge with the same file has renewed it.
    fs::remove_file(&file).unwrap();
    let other = start();
    let later = SystemTime::now() + Duration::from_secs(60);
    let written = File::options().append(true).open(&file).unwrap();
    written.set_modified(later).unwrap();
    assert!(bridge.certificate_is_outdated());
    let after = bridge.reload_certificate().unwrap();
    assert_ne!(after, before);
    assert_eq!(after, other.addresses().certificate_hash);
}
