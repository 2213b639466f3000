//! A UDP socket in the application's own set.

use core::net::SocketAddr;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, udp};

use crate::convert::to_endpoint;
use crate::error::Refused;
use crate::stats::SocketStats;

pub(crate) struct Link {
    handle: SocketHandle,
    stats: SocketStats,
}

impl Link {
    pub(crate) const fn new(handle: SocketHandle) -> Self {
        Self {
            handle,
            stats: SocketStats::ZERO,
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
                Err(udp::RecvError::Truncated) => self.stats.count_too_long(),
                Err(udp::RecvError::Exhausted) => return None,
            }
        }
    }

    /// Hands a datagram to the socket, where it waits for the interface. If it cannot, the
    /// datagram is lost and counted.
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
        sent.inspect_err(|&refused| self.stats.count_refused(refused))
    }
}
