//! Why a bridge does not start.

use std::net::SocketAddr;
use std::{fmt, io};

/// Why a bridge does not start, or does not take a new certificate.
#[derive(Debug)]
#[non_exhaustive]
pub enum BridgeError {
    /// An address cannot be listened at: it is in use, or not this machine's, or needs rights.
    Listen {
        /// Which one.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The certificate or its key cannot be read or used; the text says which and why. A bridge
    /// that runs keeps the one it has.
    Certificate(String),
    /// The configuration cannot work; the text says what to change.
    Config(&'static str),
    /// The system gives this process fewer descriptors than the configured sessions and
    /// connections may need.
    Descriptors {
        /// How many they may need.
        needed: u64,
        /// How many there can be: the hard limit of `RLIMIT_NOFILE`.
        allowed: u64,
    },
    /// The system gives no threads.
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
