//! Assignment of datagrams to the peers behind one socket.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;

use str0m::ice::StunMessage;

use super::paths::is_stun;
use crate::config::MAX_PEER_ADDRESSES;

/// Table of peers. `P` is the way to one.
#[derive(Debug)]
pub(super) struct Routes<P> {
    /// Peers by ICE user fragment, which only the peer's browser knows.
    by_name: HashMap<String, Peer<P>>,
    by_address: HashMap<SocketAddr, P>,
}

#[derive(Debug)]
struct Peer<P> {
    way: P,
    addresses: Vec<SocketAddr>,
}

impl<P> Default for Routes<P> {
    fn default() -> Self {
        Self {
            by_name: HashMap::new(),
            by_address: HashMap::new(),
        }
    }
}

impl<P: Clone> Routes<P> {
    /// Adds the peer of a user fragment, without addresses.
    pub(super) fn insert(&mut self, name: &str, way: P) {
        let addresses = Vec::new();
        self.by_name
            .insert(name.to_owned(), Peer { way, addresses });
    }

    /// Peer of a datagram. Connectivity checks name their peer; everything else is assigned by an
    /// address that the peer has [learned](Self::learn).
    pub(super) fn find(&self, from: SocketAddr, datagram: &[u8]) -> Option<P> {
        if is_stun(datagram)
            && let Ok(message) = StunMessage::parse(datagram)
            && message.is_binding_request()
        {
            let (name, _) = message.username()?.split_once(':')?;
            return self.by_name.get(name).map(|peer| peer.way.clone());
        }
        self.by_address.get(&from).cloned()
    }

    /// Assigns an address to a peer, after a check with the peer's password came from there.
    pub(super) fn learn(&mut self, name: &str, from: SocketAddr) {
        let Some(peer) = self.by_name.get_mut(name) else {
            return;
        };
        // An address keeps its peer: another peer cannot take it by forging checks of its own.
        if let Entry::Vacant(place) = self.by_address.entry(from)
            && peer.addresses.len() < MAX_PEER_ADDRESSES
        {
            place.insert(peer.way.clone());
            peer.addresses.push(from);
        }
    }

    /// Removes a peer and its addresses.
    pub(super) fn remove(&mut self, name: &str) {
        let peer = self.by_name.remove(name);
        for address in peer.into_iter().flat_map(|peer| peer.addresses) {
            self.by_address.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use str0m::ice::TransId;

    use super::*;

    const DTLS: &[u8] = &[22, 254, 253];

    fn address(host: u8) -> SocketAddr {
        ([192, 0, 2, host], 5000).into()
    }

    fn check(user: &str) -> Vec<u8> {
        let check = StunMessage::binding_request(user, TransId::new(), true, 1, 2, true);
        let mut bytes = vec![0; 256];
        let written = check.to_bytes(Some(b"password"), &mut bytes, |_, _| [0; 20]);
        bytes.truncate(written.unwrap());
        bytes
    }

    #[test]
    fn a_check_finds_the_peer_that_it_names_from_any_address() {
        let mut routes = Routes::default();
        routes.insert("alice", 1);
        routes.insert("bob", 2);
        routes.learn("bob", address(2));
        assert_eq!(routes.find(address(2), &check("alice:browser")), Some(1));
        assert_eq!(routes.find(address(9), &check("bob:browser")), Some(2));
        assert_eq!(routes.find(address(2), &check("carol:browser")), None);
        assert_eq!(routes.find(address(9), &check("alice")), None);
        assert_eq!(routes.find(address(2), DTLS), Some(2));
        assert_eq!(routes.find(address(1), DTLS), None);
    }

    #[test]
    fn an_address_keeps_its_peer_until_that_leaves() {
        let mut routes = Routes::default();
        routes.insert("alice", 1);
        routes.insert("bob", 2);
        routes.learn("alice", address(1));
        routes.learn("bob", address(1));
        routes.remove("bob");
        assert_eq!(routes.find(address(1), DTLS), Some(1));
        routes.remove("alice");
        assert_eq!(routes.find(address(1), DTLS), None);
        routes.learn("alice", address(1));
        assert_eq!(routes.find(address(1), DTLS), None);
    }

    #[test]
    fn a_peer_has_only_so_many_addresses() {
        let mut routes = Routes::default();
        routes.insert("alice", 1);
        for host in 0..32 {
            routes.learn("alice", address(host));
        }
        let mut found = (0..32).map(|host| routes.find(address(host), DTLS));
        let expected = (0..32).map(|host| (host < MAX_PEER_ADDRESSES).then_some(1));
        assert!(found.by_ref().eq(expected));
    }
}
