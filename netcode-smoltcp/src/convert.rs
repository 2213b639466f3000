//! Conversion of times and addresses between smoltcp and the core.

use core::net::SocketAddr;

use netcode_core::Instant;
use smoltcp::time;
use smoltcp::wire::IpEndpoint;

/// Converts an instant. Both count microseconds from any origin; smoltcp's may lie before it.
pub(crate) fn to_core(now: time::Instant) -> Instant {
    Instant::from_micros(u64::try_from(now.total_micros()).unwrap_or(0))
}

pub(crate) fn from_core(instant: Instant) -> time::Instant {
    time::Instant::from_micros(i64::try_from(instant.as_micros()).unwrap_or(i64::MAX))
}

/// `None` for a family that smoltcp was built without.
pub(crate) fn to_endpoint(address: SocketAddr) -> Option<IpEndpoint> {
    match address {
        #[cfg(feature = "proto-ipv4")]
        SocketAddr::V4(address) => Some(address.into()),
        #[cfg(feature = "proto-ipv6")]
        SocketAddr::V6(address) => Some(address.into()),
        #[allow(unreachable_patterns, reason = "reached without one of the families")]
        _ => None,
    }
}
