//! Paths, routes, alerts and offers, for fuzzers.

use std::net::SocketAddr;
use std::sync::Arc;

use str0m::ice::IceCreds;

use super::paths::{Incoming, Paths};
use super::routes::Routes;

/// Kind of a datagram from a browser's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// For the peer connection.
    ForPeer,
    /// Answer to a check of the bridge.
    Answer,
    /// From an address above the limit.
    TooMany,
}

/// Paths of one browser.
pub struct FuzzedPaths(Paths);

impl FuzzedPaths {
    /// Paths for checks between these user fragments, under the browser's password.
    pub fn new(local: &str, remote: &str, password: &str) -> Self {
        let credentials = |ufrag: &str, pass: &str| IceCreds {
            ufrag: ufrag.to_owned(),
            pass: pass.to_owned(),
        };
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let local = credentials(local, "of the bridge, and not used in checks");
        Self(Paths::new(crypto, &local, &credentials(remote, password)))
    }

    /// Processes a datagram from the browser.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8]) -> Taken {
        match self.0.handle_datagram(from, datagram) {
            Incoming::ForPeer => Taken::ForPeer,
            Incoming::Answer => Taken::Answer,
            Incoming::TooMany => Taken::TooMany,
        }
    }

    /// Datagram to send when `datagram` is meant for `to`.
    pub fn send(&mut self, to: SocketAddr, datagram: Vec<u8>) -> Option<(SocketAddr, Vec<u8>)> {
        self.0.send(to, datagram)
    }

    /// Next queued datagram for an address that has answered since.
    pub fn next(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.0.next()
    }

    /// Destination of the stream.
    pub fn current(&self) -> Option<SocketAddr> {
        self.0.current()
    }
}

impl std::fmt::Debug for FuzzedPaths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FuzzedPaths").finish_non_exhaustive()
    }
}

/// Peers behind one socket, by number.
#[derive(Debug, Default)]
pub struct FuzzedRoutes(Routes<u8>);

impl FuzzedRoutes {
    /// Adds the peer of a user fragment.
    pub fn insert(&mut self, name: &str, peer: u8) {
        self.0.insert(name, peer);
    }

    /// Peer that gets a datagram.
    pub fn find(&self, from: SocketAddr, datagram: &[u8]) -> Option<u8> {
        self.0.find(from, datagram)
    }

    /// Assigns an address to a peer.
    pub fn learn(&mut self, name: &str, from: SocketAddr) {
        self.0.learn(name, from);
    }

    /// Removes a peer.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// `true` if one of the DTLS records in `datagram` is an unencrypted alert.
pub fn has_plaintext_alert(datagram: &[u8]) -> bool {
    super::alerts::has_plaintext_alert(datagram)
}

/// User fragment and password in an offer.
pub fn offered(offer: &str) -> Option<(String, String)> {
    let IceCreds { ufrag, pass } = super::credentials::offered(offer)?;
    Some((ufrag, pass))
}
