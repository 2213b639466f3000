//! A UDP socket in the application's own set.

use core::net::SocketAddr;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, udp};

use crate::convert::to_endpoint;

/// What the socket could not carry. Each of these is a datagram lost, as it might have been on
/// the way; the protocol repeats what matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SocketStats {
    /// The transmit buffer was full: the link is down, a neighbour does not answer, or the buffer
    /// is too small for the traffic.
    pub tx_full: u32,
    /// The peer's address is of a family this build does not have, or the socket is not bound.
    pub unaddressable: u32,
    /// A datagram arrived that is longer than any of netcode's.
    pub too_long: u32,
}

pub(crate) struct Link {
    handle: SocketHandle,
    stats: SocketStats,
}

impl Link {
    pub(crate) const fn new(handle: SocketHandle) -> Self {
        Self {
            handle,
            stats: SocketStats {
                tx_full: 0,
                unaddressable: 0,
                too_long: 0,
            },
        }
    }

    pub(crate) const fn stats(&self) -> SocketStats {
        self.stats
    }

    /// The socket, unless the application has taken it out of its set: smoltcp's own getter
    /// panics then.
    fn socket<'s, 'b>(&self, sockets: &'s mut SocketSet<'b>) -> Option<&'s mut udp::Socket<'b>> {
        sockets
            .iter_mut()
            .find_map(|(handle, socket)| match socket {
                Socket::Udp(socket) if handle == self.handle => Some(socket),
                _ => None,
            })
    }

    /// The next datagram: how many bytes of `buffer` it fills, and whose it is.
    pub(crate) fn receive(
        &mut self,
        sockets: &mut SocketSet<'_>,
        buffer: &mut [u8],
    ) -> Option<(usize, SocketAddr)> {
        let socket = self.socket(sockets)?;
        loop {
            match socket.recv_slice(buffer) {
                Ok((len, meta)) => return Some((len, meta.endpoint.into())),
                Err(udp::RecvError::Truncated) => {
                    self.stats.too_long = self.stats.too_long.saturating_add(1);
                }
                Err(udp::RecvError::Exhausted) => return None,
            }
        }
    }

    /// Whether there is room for another datagram.
    pub(crate) fn can_send(&self, sockets: &mut SocketSet<'_>) -> bool {
        self.socket(sockets).is_some_and(|socket| socket.can_send())
    }

    /// Whether the datagram now waits in the socket; if not, it is lost and counted.
    pub(crate) fn send(
        &mut self,
        sockets: &mut SocketSet<'_>,
        to: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Refused> {
        let sent = match (self.socket(sockets), to_endpoint(to)) {
            (Some(socket), Some(to)) => {
                socket
                    .send_slice(datagram, to)
                    .map_err(|error| match error {
                        udp::SendError::BufferFull => Refused::Full,
                        udp::SendError::Unaddressable => Refused::Unaddressable,
                    })
            }
            _ => Err(Refused::Unaddressable),
        };
        match sent {
            Ok(()) => {}
            Err(Refused::Full) => self.stats.tx_full = self.stats.tx_full.saturating_add(1),
            Err(Refused::Unaddressable) => {
                self.stats.unaddressable = self.stats.unaddressable.saturating_add(1);
            }
        }
        sent
    }
}

/// Why a socket does not take a datagram.
#[derive(Clone, Copy)]
pub(crate) enum Refused {
    Full,
    Unaddressable,
}
