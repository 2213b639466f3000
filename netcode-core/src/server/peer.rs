//! Peer addresses, packed into 23 bytes. All-zero is no address, so that empty tables are all
//! zeros.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::hash::HashKey;
use crate::wire::{Reader, Writer};

const PEER_BYTES: usize = 1 + 16 + 2 + 4;

/// IP address, port and IPv6 scope. The flow label is left out: it may change from datagram to
/// datagram.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer([u8; PEER_BYTES]);

impl Peer {
    pub(crate) const NONE: Self = Self([0; PEER_BYTES]);

    pub(crate) fn new(address: &SocketAddr) -> Self {
        let mut bytes = [0; PEER_BYTES];
        // The fields are at most 23 bytes long, so writing cannot fail.
        let _ = Self::write(&mut Writer::new(&mut bytes), address);
        Self(bytes)
    }

    fn write(out: &mut Writer<'_>, address: &SocketAddr) -> Option<()> {
        out.u8(if address.is_ipv4() { 4 } else { 6 })?;
        out.u16(address.port())?;
        match address {
            SocketAddr::V4(v4) => out.put(&v4.ip().octets()),
            SocketAddr::V6(v6) => {
                out.put(&v6.ip().octets())?;
                out.u32(v6.scope_id())
            }
        }
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let mut fields = Reader::new(&self.0);
        let family = fields.u8()?;
        let port = fields.u16()?;
        match family {
            4 => Some(SocketAddrV4::new(Ipv4Addr::from(*fields.array::<4>()?), port).into()),
            6 => {
                let ip = Ipv6Addr::from(*fields.array::<16>()?);
                Some(SocketAddrV6::new(ip, port, 0, fields.u32()?).into())
            }
            _ => None,
        }
    }

    pub(crate) fn hash(&self, hash_key: HashKey) -> u64 {
        hash_key.hash(&self.0)
    }

    /// Hash of the host: family, then an IPv4 address, which zeros follow, or the first 64 bits of
    /// an IPv6 address, the smallest prefix that a provider assigns to one customer. Its input is
    /// nine bytes, so it never equals that of a client id.
    pub(crate) fn hash_host(&self, hash_key: HashKey) -> u64 {
        let [family, _, _, a, b, c, d, e, f, g, h, ..] = self.0;
        hash_key.hash(&[family, a, b, c, d, e, f, g, h])
    }
}

/// Sender of a datagram: its address, packed and hashed once for all lookups.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub(crate) address: SocketAddr,
    pub(crate) peer: Peer,
    pub(crate) hash: u64,
}

impl Source {
    pub(crate) fn new(address: SocketAddr, hash_key: HashKey) -> Self {
        let peer = Peer::new(&address);
        let hash = peer.hash(hash_key);
        Self {
            address,
            peer,
            hash,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_ipv4_address_or_a_64_bit_prefix() {
        let hash = |text: &str| Peer::new(&text.parse().unwrap()).hash_host(HashKey(1, 2));
        assert_eq!(hash("10.0.0.1:1"), hash("10.0.0.1:2"));
        assert_ne!(hash("10.0.0.1:1"), hash("10.0.0.2:1"));
        assert_eq!(hash("[2001:db8::1]:1"), hash("[2001:db8::ffff:1]:9"));
        assert_ne!(hash("[2001:db8::1]:1"), hash("[2001:db8:0:1::1]:1"));
    }

    #[test]
    fn an_address_survives_packing() {
        for text in ["1.2.3.4:5", "[2001:db8::1]:65535", "[fe80::1%7]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Peer::new(&address).address(), Some(address));
        }
        assert_eq!(Peer::NONE.address(), None);
    }
}
