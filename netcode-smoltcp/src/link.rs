//! Link over UDP sockets in the application's socket set.

use core::net::SocketAddr;

use netcode_core::Instant;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::{Socket, udp};
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::convert::to_endpoint;
use crate::error::TransmitError;
use crate::lanes::{Endpoint, Lanes, Load, Purpose, Sockets};
use crate::stats::SocketStats;

/// Sockets of a client or a server: the first receives, each is a lane.
pub(crate) struct Link<const N: usize> {
    handles: [SocketHandle; N],
    lanes: Lanes<IpEndpoint, N>,
    stats: SocketStats,
}

impl<const N: usize> Link<N> {
    pub(crate) const fn new(handles: [SocketHandle; N]) -> Self {
        Self {
            handles,
            lanes: Lanes::new(),
            stats: SocketStats::ZERO,
        }
    }

    pub(crate) const fn stats(&self) -> SocketStats {
        self.stats
    }

    /// Next datagram, if one has arrived: its length in `buffer`, and its source.
    pub(crate) fn receive(
        &mut self,
        sockets: &mut SocketSet<'_>,
        buffer: &mut [u8],
    ) -> Option<(usize, SocketAddr)> {
        let socket = udp(sockets, self.handles.first())?;
        loop {
            match socket.recv_slice(buffer) {
                Ok((len, meta)) => return Some((len, meta.endpoint.into())),
                Err(udp::RecvError::Truncated) => self.stats.count_too_long(),
                Err(udp::RecvError::Exhausted) => return None,
            }
        }
    }

    /// Queues a datagram in a socket for the interface. If that fails, the datagram is lost and
    /// counted.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        sockets: &mut SocketSet<'_>,
        purpose: Purpose,
        to: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), TransmitError> {
        let place = self.place(now, sockets, purpose, to, datagram.len())?;
        place.copy_from_slice(datagram);
        Ok(())
    }

    /// Room in a socket for a datagram of exactly `len` bytes, which is sent whatever is written
    /// there. If there is none, the datagram is lost and counted.
    pub(crate) fn place<'s>(
        &mut self,
        now: Instant,
        sockets: &'s mut SocketSet<'_>,
        purpose: Purpose,
        to: SocketAddr,
        len: usize,
    ) -> Result<&'s mut [u8], TransmitError> {
        let place = self.try_place(now, sockets, purpose, to, len);
        place.inspect_err(|&refused| self.stats.count_refused(refused))
    }

    fn try_place<'s>(
        &mut self,
        now: Instant,
        sockets: &'s mut SocketSet<'_>,
        purpose: Purpose,
        to: SocketAddr,
        len: usize,
    ) -> Result<&'s mut [u8], TransmitError> {
        let endpoint = to_endpoint(to).ok_or(TransmitError::Unaddressable)?;
        let mut set = Set {
            handles: &self.handles,
            sockets,
        };
        let at = self.lanes.choose(endpoint, purpose, &mut set)?;
        set.bind(at);
        let socket = udp(sockets, self.handles.get(at)).ok_or(TransmitError::Unaddressable)?;
        let capacity = Load {
            datagrams: socket.packet_send_capacity(),
            bytes: socket.payload_send_capacity(),
        };
        let place = socket.send(len, endpoint).map_err(refused)?;
        let lane = (at, endpoint, purpose);
        self.lanes.fill(now, lane, len, capacity);
        Ok(place)
    }

    /// Drops queued datagrams for any peer but `to`.
    pub(crate) fn retain_peer(&mut self, sockets: &mut SocketSet<'_>, to: SocketAddr) {
        let handles = &self.handles;
        if let Some(to) = to_endpoint(to) {
            self.lanes.retain_peer(to, &mut Set { handles, sockets });
        }
    }

    /// Records that a host is reachable.
    pub(crate) fn heard(&mut self, from: SocketAddr) {
        if let Some(from) = to_endpoint(from) {
            self.lanes.heard(from.addr);
        }
    }

    /// Advances time for datagrams queued in the sockets. Call it when no received datagram is
    /// pending.
    pub(crate) fn pass_time(&mut self, now: Instant, sockets: &mut SocketSet<'_>) {
        let handles = &self.handles;
        let cleared = self.lanes.pass_time(now, &mut Set { handles, sockets });
        self.stats.count_cleared(cleared);
    }

    /// Time of the next [`pass_time`](Self::pass_time).
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.lanes.deadline()
    }
}

impl Endpoint for IpEndpoint {
    type Host = IpAddress;

    fn host(&self) -> IpAddress {
        self.addr
    }
}

/// Sockets as lanes.
struct Set<'l, 's, 'b> {
    handles: &'l [SocketHandle],
    sockets: &'s mut SocketSet<'b>,
}

impl<'b> Set<'_, '_, 'b> {
    fn udp(&mut self, at: usize) -> Option<&mut udp::Socket<'b>> {
        udp(self.sockets, self.handles.get(at))
    }

    /// Binds a socket that only sends to the first socket's address: peers know one port.
    fn bind(&mut self, at: usize) {
        let bound = self.udp(0).map(|first| first.endpoint());
        if let (Some(endpoint), Some(socket)) = (bound, self.udp(at)) {
            // Fails for a socket that is bound already, and if the first is closed.
            let _ = socket.bind(endpoint);
        }
    }
}

impl Sockets for Set<'_, '_, '_> {
    fn is_drained(&mut self, lane: usize) -> bool {
        self.udp(lane).is_none_or(|socket| socket.send_queue() == 0)
    }

    fn clear(&mut self, lane: usize) {
        if let Some(socket) = self.udp(lane) {
            let endpoint = socket.endpoint();
            socket.close();
            // Fails if the application had closed it.
            let _ = socket.bind(endpoint);
        }
    }
}

/// Socket by handle, unless the application has removed it: smoltcp's own getter would panic.
#[inline(never)]
fn udp<'s, 'b>(
    sockets: &'s mut SocketSet<'b>,
    handle: Option<&SocketHandle>,
) -> Option<&'s mut udp::Socket<'b>> {
    sockets.iter_mut().find_map(|(other, socket)| match socket {
        Socket::Udp(socket) if Some(&other) == handle => Some(socket),
        _ => None,
    })
}

fn refused(error: udp::SendError) -> TransmitError {
    match error {
        udp::SendError::BufferFull => TransmitError::Full,
        udp::SendError::Unaddressable => TransmitError::Unaddressable,
    }
}
