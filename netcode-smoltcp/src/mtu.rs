//! Minimum MTU of a network interface.

use core::fmt;
use core::net::IpAddr;

use netcode_core::standard::MAX_DATAGRAM_BYTES;

const UDP_HEADER_BYTES: usize = 8;

/// Minimum MTU of an interface over IPv4, bytes, without Ethernet's header.
pub const MIN_IPV4_MTU: usize = MAX_DATAGRAM_BYTES + UDP_HEADER_BYTES + 20;

/// Minimum MTU over IPv6.
pub const MIN_IPV6_MTU: usize = MAX_DATAGRAM_BYTES + UDP_HEADER_BYTES + 40;

/// Error of an interface whose MTU is too small for the longest netcode datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MtuTooSmall {
    /// MTU needed, bytes.
    pub needed: usize,
}

impl fmt::Display for MtuTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the interface needs an IP MTU of {} bytes", self.needed)
    }
}

impl core::error::Error for MtuTooSmall {}

/// Checks that an interface with `ip_mtu` carries every netcode datagram unfragmented, over the
/// family of `address`. Call it once, before the first connection: smoltcp drops longer datagrams
/// without an error, requests of 1078 bytes among them, and only a timeout shows it.
///
/// `ip_mtu` is `device.capabilities().ip_mtu()`; for a driver of embassy-net,
/// `driver.capabilities().max_transmission_unit`, less 14 over Ethernet. With smoltcp's feature
/// `proto-ipv4-fragmentation` and buffers for it, a smaller MTU suffices over IPv4, if the router
/// and the other side accept fragments.
///
/// # Errors
/// See [`MtuTooSmall`].
pub const fn check_mtu(ip_mtu: usize, address: IpAddr) -> Result<(), MtuTooSmall> {
    let needed = match address {
        IpAddr::V4(_) => MIN_IPV4_MTU,
        IpAddr::V6(_) => MIN_IPV6_MTU,
    };
    if ip_mtu < needed {
        return Err(MtuTooSmall { needed });
    }
    Ok(())
}
