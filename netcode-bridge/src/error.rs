//! Errors of starting a bridge.

use std::net::SocketAddr;
use std::{fmt, io};

/// Reason why a bridge cannot start, or cannot load a new certificate.
#[derive(Debug)]
#[non_exhaustive]
pub enum BridgeError {
    /// An address cannot be bound: it is in use, not local, or needs privileges.
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// The certificate or its key cannot be read or used; the text names the file and the reason. A
    /// running bridge keeps its present certificate.
    Certificate(String),
    /// The configuration is invalid; the text names the remedy.
    Config(&'static str),
    /// The system permits fewer descriptors than the configured sessions and connections may need.
    Descriptors {
        /// Descriptors that may be needed.
        needed: u64,
        /// Descriptors permitted: the hard limit of `RLIMIT_NOFILE`.
        allowed: u64,
    },
    /// The system cannot create threads.
    Threads(io::Error),
}

impl fmt::Display for BridgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } => write!(f, "cannot listen at {address}: {error}"),
            Self::Certificate(text) => write!(f, "cannot use the certificate: {text}"),
            Self::Config(text) => f.write_str(text),
            Self::Descriptors { needed, allowed } => write!(
                f,
                "so many sessions and connections may need {needed} descriptors, and the system \
                 allows {allowed}: raise that (ulimit -Hn, or LimitNOFILE= of systemd), or lower \
                 the limits of sessions and connections"
            ),
            Self::Threads(error) => write!(f, "cannot start threads: {error}"),
        }
    }
}

impl std::error::Error for BridgeError {}
