//! Metrics and readiness of a running bridge, for health checks.

use std::fmt;
use std::sync::Arc;

use super::context::Context;

/// Metrics and readiness of a running bridge; can be sent to other threads, and outlives the
/// bridge.
#[derive(Clone)]
pub struct BridgeMonitor(pub(super) Arc<Context>);

/// Reason for which a bridge should get no new sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotReady {
    /// It is shutting down.
    Draining,
    /// Its certificate has expired.
    CertificateExpired,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draining => "the bridge is draining",
            Self::CertificateExpired => "the certificate has expired",
        })
    }
}

impl std::error::Error for NotReady {}

impl BridgeMonitor {
    /// Counters in the OpenMetrics text format, which Prometheus reads
    /// (`application/openmetrics-text; version=1.0.0; charset=utf-8`).
    pub fn metrics(&self) -> String {
        self.0.counters.text(&self.0.admission)
    }

    /// Readiness for new sessions.
    ///
    /// # Errors
    /// See [`NotReady`].
    pub fn readiness(&self) -> Result<(), NotReady> {
        if self.0.admission.is_closed() {
            return Err(NotReady::Draining);
        }
        if self.0.counters.certificate_has_expired() {
            return Err(NotReady::CertificateExpired);
        }
        Ok(())
    }
}
