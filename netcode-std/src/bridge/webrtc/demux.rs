//! The socket of all peer connections of one family, and whose a datagram is.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use str0m::ice::StunMessage;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::bridge::error::BridgeError;
use crate::socket::SocketOptions;

/// The longest datagram that WebRTC sends over UDP fits; longer ones are cut and fail to parse.
const MAX_PACKET_BYTES: usize = 2048;

/// Addresses one peer may be reached at: its interfaces, of which it settles on one.
const ADDRESSES_PER_PEER: usize = 8;

/// A datagram from a browser.
pub(super) struct Packet {
    pub(super) from: SocketAddr,
    /// The candidate it came to.
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// A socket, and who is behind it.
pub(in crate::bridge) struct Demux {
    socket: UdpSocket,
    bound: SocketAddr,
    /// Where browsers find the socket.
    candidate: SocketAddr,
    routes: Mutex<Routes>,
}

#[derive(Default)]
struct Routes {
    /// By the name a peer has in ICE (the user fragment), which only its browser was told.
    by_name: HashMap<String, Peer>,
    by_address: HashMap<SocketAddr, mpsc::Sender<Packet>>,
}

struct Peer {
    packets: mpsc::Sender<Packet>,
    addresses: Vec<SocketAddr>,
}

/// A peer's place in the table; dropped, nothing reaches it any more.
pub(super) struct Route {
    demux: Arc<Demux>,
    name: String,
}

impl Demux {
    /// Binds `address`. Browsers are told the first of `public` that is of its family, else the
    /// bound address itself. Needs a runtime around it.
    pub(in crate::bridge) fn bind(
        address: SocketAddr,
        public: &[IpAddr],
    ) -> Result<Self, BridgeError> {
        let bind = || {
            let socket = UdpSocket::from_std(SocketOptions::default().bind(address)?)?;
            let bound = socket.local_addr()?;
            Ok((socket, bound))
        };
        let (socket, bound) = bind().map_err(|error| BridgeError::Listen { address, error })?;
        let same_family = |ip: &&IpAddr| ip.is_ipv4() == bound.is_ipv4();
        let ip = public.iter().find(same_family).copied();
        Ok(Self {
            socket,
            bound,
            candidate: SocketAddr::new(ip.unwrap_or_else(|| on_loopback(bound.ip())), bound.port()),
            routes: Mutex::default(),
        })
    }

    pub(in crate::bridge) fn bound(&self) -> SocketAddr {
        self.bound
    }

    pub(super) fn candidate(&self) -> SocketAddr {
        self.candidate
    }

    /// Sends a datagram; one for which there is no room is lost.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let _ = self.socket.try_send_to(datagram, to);
    }

    /// Gives each datagram to its peer, until the bridge is dropped.
    pub(in crate::bridge) async fn run(self: Arc<Self>) {
        let mut buffer = vec![0; MAX_PACKET_BYTES];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((len, from)) => {
                    let bytes = buffer.get(..len).unwrap_or_default();
                    if let Some(peer) = self.find(from, bytes) {
                        // A peer that is behind loses what is newest, as at a full socket.
                        let _ = peer.try_send(Packet {
                            from,
                            to: self.candidate,
                            bytes: bytes.to_vec(),
                        });
                    }
                }
                // Told of a datagram sent before (ICMP). Others may run meanwhile.
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    tokio::task::yield_now().await;
                }
                Err(_) => {}
            }
        }
    }

    /// Whose a datagram is. Connectivity checks name their peer; everything else comes from an
    /// address that a check came from before.
    fn find(&self, from: SocketAddr, bytes: &[u8]) -> Option<mpsc::Sender<Packet>> {
        // The first two bits of STUN are zero, those of DTLS are not (RFC 7983).
        if bytes.first().is_some_and(|first| *first < 4)
            && let Ok(message) = StunMessage::parse(bytes)
            && message.is_binding_request()
        {
            let (name, _) = message.username()?.split_once(':')?;
            return self.routes().find_by_name(name, from);
        }
        self.routes().by_address.get(&from).cloned()
    }

    /// A route to the peer of this name, which takes its datagrams from `packets`.
    pub(super) fn route(self: &Arc<Self>, name: &str, packets: mpsc::Sender<Packet>) -> Route {
        let peer = Peer {
            packets,
            addresses: Vec::new(),
        };
        self.routes().by_name.insert(name.to_owned(), peer);
        Route {
            demux: Arc::clone(self),
            name: name.to_owned(),
        }
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Routes {
    fn find_by_name(&mut self, name: &str, from: SocketAddr) -> Option<mpsc::Sender<Packet>> {
        let peer = self.by_name.get_mut(name)?;
        // An address keeps its peer: another peer cannot take it by forging its own checks.
        if !self.by_address.contains_key(&from) && peer.addresses.len() < ADDRESSES_PER_PEER {
            peer.addresses.push(from);
            self.by_address.insert(from, peer.packets.clone());
        }
        Some(peer.packets.clone())
    }
}

impl Route {
    pub(super) fn demux(&self) -> &Demux {
        &self.demux
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        let mut routes = self.demux.routes();
        let peer = routes.by_name.remove(&self.name);
        for address in peer.into_iter().flat_map(|peer| peer.addresses) {
            routes.by_address.remove(&address);
        }
    }
}

/// A browser on this machine finds a socket that is bound to all interfaces.
fn on_loopback(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
