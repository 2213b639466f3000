//! Socket of all peer connections of one family, which passes each datagram to its peer.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::routes::Routes;
use crate::error::BridgeError;
use netcode_std::SocketOptions;

/// Maximum length of a datagram, enough for any that WebRTC sends over UDP; longer ones are
/// truncated and fail to parse.
const MAX_PACKET_BYTES: usize = 2048;

/// Datagram from a browser.
pub(super) struct Packet {
    pub(super) from: SocketAddr,
    /// Candidate it was sent to.
    pub(super) to: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

/// Socket and the peers behind it.
pub(crate) struct Demux {
    socket: UdpSocket,
    bound: SocketAddr,
    /// Address that browsers send to.
    candidate: SocketAddr,
    routes: Mutex<Routes<mpsc::Sender<Packet>>>,
}

/// Entry of a peer in the table; dropping it removes the peer.
pub(super) struct Route {
    demux: Arc<Demux>,
    name: String,
}

impl Demux {
    /// Binds `address`. The candidate is the first of `public` that is of its family, or else the
    /// bound address. Needs an entered runtime.
    pub(crate) fn bind(address: SocketAddr, public: &[IpAddr]) -> Result<Self, BridgeError> {
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

    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Address that offers name.
    pub(crate) fn candidate(&self) -> SocketAddr {
        self.candidate
    }

    /// Sends a datagram; it is dropped if there is no room.
    pub(super) fn send(&self, to: SocketAddr, datagram: &[u8]) {
        let _ = self.socket.try_send_to(datagram, to);
    }

    /// Passes each datagram to its peer, until the bridge is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut buffer = vec![0; MAX_PACKET_BYTES];
        loop {
            match self.socket.recv_from(&mut buffer).await {
                Ok((len, from)) => {
                    let bytes = buffer.get(..len).unwrap_or_default();
                    let peer = self.routes().find(from, bytes);
                    if let Some(peer) = peer {
                        // A peer that is behind loses the newest datagrams, as at a full socket.
                        let _ = peer.try_send(Packet {
                            from,
                            to: self.candidate,
                            bytes: bytes.to_vec(),
                        });
                    }
                }
                // Reported for an earlier datagram (ICMP). Others may run meanwhile.
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    tokio::task::yield_now().await;
                }
                Err(_) => {}
            }
        }
    }

    /// Registers the peer of this user fragment, which receives its datagrams from `packets`.
    pub(super) fn route(self: &Arc<Self>, name: &str, packets: mpsc::Sender<Packet>) -> Route {
        self.routes().insert(name, packets);
        Route {
            demux: Arc::clone(self),
            name: name.to_owned(),
        }
    }

    fn routes(&self) -> MutexGuard<'_, Routes<mpsc::Sender<Packet>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    pub(super) fn demux(&self) -> &Demux {
        &self.demux
    }

    /// Assigns an address to the peer, after a check with the peer's password came from there.
    pub(super) fn learn(&self, from: SocketAddr) {
        self.demux.routes().learn(&self.name, from);
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.demux.routes().remove(&self.name);
    }
}

/// Loopback address for a socket bound to all interfaces, for a browser on this machine.
fn on_loopback(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}
