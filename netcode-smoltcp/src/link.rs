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
        let place = self.place(sockets, to, datagram.len())?;
        place.copy_from_slice(datagram);
        Ok(())
    }

    /// Room in the socket for a datagram of exactly `len` bytes, which will be sent whatever is
    /// written there. If there is none, the datagram is lost and counted.
    pub(crate) fn place<'s>(
        &mut self,
        sockets: &'s mut SocketSet<'_>,
        to: SocketAddr,
        len: usize,
    ) -> Result<&'s mut [u8], Refused> {
        let place = match (self.socket(sockets), to_endpoint(to)) {
            (Some(socket), Some(to)) => socket.send(len, to).map_err(refused),
            _ => Err(Refused::Unaddressable),
        };
        place.inspect_err(|&refused| self.stats.count_refused(refused))
    }
}

fn refused(error: udp::SendError) -> Refused {
    match error {
        udp::SendError::BufferFull => Refused::Full,
        udp::SendError::Unaddressable => Refused::Unaddressable,
    }
}
