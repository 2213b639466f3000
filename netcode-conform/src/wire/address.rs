//! Addresses in connect tokens. (Standard: *Connect Token Structure*.)

use std::net::SocketAddr;

/// Type of an IPv4 address.
const IPV4: u8 = 1;
/// Type of an IPv6 address.
const IPV6: u8 = 2;

/// Appends an address: type, octets or groups, port. Groups of IPv6 are little-endian, each.
pub(crate) fn write_address(to: &mut Vec<u8>, address: &SocketAddr) {
    match address {
        SocketAddr::V4(v4) => {
            to.push(IPV4);
            to.extend(v4.ip().octets());
        }
        SocketAddr::V6(v6) => {
            to.push(IPV6);
            to.extend(v6.ip().segments().iter().flat_map(|it| it.to_le_bytes()));
        }
    }
    to.extend(address.port().to_le_bytes());
}
