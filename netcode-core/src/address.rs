//! Lists of server addresses in the wire format of tokens (standard: *Connect Token*, address
//! fields).
//!
//! A list is stored in its wire format, 7 bytes per IPv4 address and 19 per IPv6 address, and
//! decoded during iteration: 32 addresses take 608 bytes instead of a kilobyte.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use heapless::Vec;

use crate::standard::MAX_SERVER_ADDRESSES;
use crate::wire::{Reader, Writer};

const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// Longest encoded address, an IPv6 address: type, eight groups, port.
const MAX_ADDRESS_BYTES: usize = 1 + 16 + 2;
const MAX_LIST_BYTES: usize = MAX_SERVER_ADDRESSES * MAX_ADDRESS_BYTES;

/// Returns `true` if two addresses name the same endpoint: IP and port. Flow label and scope are
/// local to the sender, and tokens do not carry them.
pub(crate) fn same_endpoint(a: &SocketAddr, b: &SocketAddr) -> bool {
    a.port() == b.port() && a.ip() == b.ip()
}

/// Encodes type, address and port; 19 bytes hold the longest.
fn encode(address: &SocketAddr) -> Vec<u8, MAX_ADDRESS_BYTES, u8> {
    let mut encoded = Vec::new();
    match address.ip() {
        IpAddr::V4(ip) => {
            let _ = encoded.push(IPV4);
            let _ = encoded.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            let _ = encoded.push(IPV6);
            // Groups are little-endian numbers here, not octets in network order.
            for group in ip.segments() {
                let _ = encoded.extend_from_slice(&group.to_le_bytes());
            }
        }
    }
    let _ = encoded.extend_from_slice(&address.port().to_le_bytes());
    encoded
}

/// Writes the number of addresses, then the addresses.
pub(crate) fn write_addresses(addresses: &[SocketAddr], out: &mut Writer<'_>) -> Option<()> {
    out.u32(u32::try_from(addresses.len()).ok()?)?;
    for address in addresses {
        out.put(&encode(address))?;
    }
    Some(())
}

/// Checks that a token can carry this number of addresses.
pub(crate) fn check_count(addresses: &[SocketAddr]) -> Result<(), AddressError> {
    match addresses.len() {
        1..=MAX_SERVER_ADDRESSES => Ok(()),
        _ => Err(AddressError::Count),
    }
}

fn read_address(from: &mut Reader<'_>) -> Result<SocketAddr, AddressError> {
    let ip = match from.u8().ok_or(AddressError::Truncated)? {
        IPV4 => IpAddr::V4(Ipv4Addr::from(
            *from.array::<4>().ok_or(AddressError::Truncated)?,
        )),
        IPV6 => {
            let mut groups = [0; 8];
            for group in &mut groups {
                *group = from.u16().ok_or(AddressError::Truncated)?;
            }
            IpAddr::V6(Ipv6Addr::from(groups))
        }
        _ => return Err(AddressError::UnknownType),
    };
    Ok(SocketAddr::new(
        ip,
        from.u16().ok_or(AddressError::Truncated)?,
    ))
}

/// Reason for which a list of server addresses cannot be read or created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AddressError {
    /// The list is empty or has more than 32 addresses.
    Count,
    /// The address type is neither 1 (IPv4) nor 2 (IPv6).
    UnknownType,
    /// The list exceeds the field that contains it.
    Truncated,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "a token names 1 to 32 server addresses",
            Self::UnknownType => "a server address is neither IPv4 nor IPv6",
            Self::Truncated => "the list of server addresses ends too early",
        })
    }
}

impl core::error::Error for AddressError {}

/// Owned list of up to 32 server addresses, in the order a client tries them.
///
/// IPv6 scope and flow label are not part of the wire format and are dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct AddressList {
    encoded: Vec<u8, MAX_LIST_BYTES, u16>,
}

impl AddressList {
    /// Empty list.
    pub const EMPTY: Self = Self {
        encoded: Vec::new(),
    };

    /// Creates a list of `addresses`.
    ///
    /// # Errors
    /// [`AddressError::Count`] for none, or for more than 32.
    pub fn new(addresses: &[SocketAddr]) -> Result<Self, AddressError> {
        check_count(addresses)?;
        let mut list = Self::EMPTY;
        for address in addresses {
            list.push(*address)?;
        }
        Ok(list)
    }

    /// Adds an address at the end.
    ///
    /// # Errors
    /// [`AddressError::Count`] when there are 32 already; the list is unchanged.
    pub fn push(&mut self, address: SocketAddr) -> Result<(), AddressError> {
        if self.len() >= MAX_SERVER_ADDRESSES {
            return Err(AddressError::Count);
        }
        let encoded = encode(&address);
        self.encoded
            .extend_from_slice(&encoded)
            .map_err(|_| AddressError::Count)
    }

    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Returns `true` if the list is empty.
    pub fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// Iterates over the addresses in order.
    pub fn iter(&self) -> AddressIter<'_> {
        AddressIter {
            encoded: Reader::new(&self.encoded),
        }
    }

    /// Address at `position`, counted from zero.
    pub fn get(&self, position: usize) -> Option<SocketAddr> {
        self.iter().nth(position)
    }

    /// Returns `true` if the list contains the IP and port of `address`.
    pub fn contains(&self, address: &SocketAddr) -> bool {
        self.iter().any(|listed| same_endpoint(&listed, address))
    }
}

impl Default for AddressList {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'l> IntoIterator for &'l AddressList {
    type Item = SocketAddr;
    type IntoIter = AddressIter<'l>;

    fn into_iter(self) -> AddressIter<'l> {
        self.iter()
    }
}

/// Address list of a token, borrowed from its bytes. It has 1 to 32 addresses and is well-formed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Addresses<'t> {
    encoded: &'t [u8],
}

impl<'t> Addresses<'t> {
    /// Reads the number of addresses and the addresses, and leaves `from` after them.
    pub(crate) fn read(from: &mut Reader<'t>) -> Result<Self, AddressError> {
        let count = from.u32().ok_or(AddressError::Truncated)?;
        let count = usize::try_from(count).map_err(|_| AddressError::Count)?;
        if !(1..=MAX_SERVER_ADDRESSES).contains(&count) {
            return Err(AddressError::Count);
        }
        let mut probe = *from;
        for _ in 0..count {
            read_address(&mut probe)?;
        }
        let len = from.rest().len().saturating_sub(probe.rest().len());
        let encoded = from.take(len).ok_or(AddressError::Truncated)?;
        Ok(Self { encoded })
    }

    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Returns `true` if the list is empty, which the list of a token never is.
    pub const fn is_empty(&self) -> bool {
        self.encoded.is_empty()
    }

    /// Iterates over the addresses in order.
    pub const fn iter(&self) -> AddressIter<'t> {
        AddressIter {
            encoded: Reader::new(self.encoded),
        }
    }

    /// Returns an owned copy.
    pub fn to_list(&self) -> AddressList {
        let mut list = AddressList::EMPTY;
        // At most 32 addresses, so they fit.
        let _ = list.encoded.extend_from_slice(self.encoded);
        list
    }
}

impl<'t> IntoIterator for Addresses<'t> {
    type Item = SocketAddr;
    type IntoIter = AddressIter<'t>;

    fn into_iter(self) -> AddressIter<'t> {
        self.iter()
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Iterator over a list of addresses, which decodes each in turn.
#[derive(Clone)]
pub struct AddressIter<'t> {
    encoded: Reader<'t>,
}

impl fmt::Debug for AddressIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Iterator for AddressIter<'_> {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        read_address(&mut self.encoded).ok()
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddrV6;

    use super::*;

    #[test]
    fn an_ipv6_group_travels_as_a_little_endian_number() {
        let bytes = encode(&"[2001:db8::1]:4660".parse().unwrap());
        assert_eq!(bytes[..5], [2, 0x01, 0x20, 0xb8, 0x0d]);
        assert_eq!(bytes[15..], [1, 0, 0x34, 0x12]);
    }

    #[test]
    fn a_list_holds_32_addresses_of_either_family() {
        let mut list = AddressList::EMPTY;
        for port in 0..32 {
            list.push(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port))
                .unwrap();
        }
        assert_eq!(list.len(), 32);
        assert_eq!(
            list.push("1.2.3.4:5".parse().unwrap()),
            Err(AddressError::Count)
        );
        assert_eq!(list.get(31).unwrap().port(), 31);
        assert_eq!(list.get(32), None);
    }

    #[test]
    fn counts_types_and_ends_are_checked() {
        let read = |bytes: &[u8]| Addresses::read(&mut Reader::new(bytes)).map(|a| a.len());
        assert_eq!(read(&[0, 0, 0, 0]), Err(AddressError::Count));
        assert_eq!(read(&[33, 0, 0, 0]), Err(AddressError::Count));
        assert_eq!(read(&[1, 1, 0, 0, 1]), Err(AddressError::Count));
        assert_eq!(
            read(&[1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]),
            Err(AddressError::UnknownType)
        );
        assert_eq!(
            read(&[1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]),
            Err(AddressError::UnknownType)
        );
        assert_eq!(
            read(&[1, 0, 0, 0, 1, 1, 2, 3, 4, 5]),
            Err(AddressError::Truncated)
        );
        assert_eq!(read(&[1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6]), Ok(1));
    }

    #[test]
    fn a_scope_does_not_make_another_endpoint() {
        let scoped = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 7, 3));
        let plain = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 9, 0, 0));
        assert!(same_endpoint(&scoped, &plain));
        assert!(AddressList::new(&[plain]).unwrap().contains(&scoped));
    }
}
