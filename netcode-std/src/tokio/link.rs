//! UDP sockets that a tokio runtime waits for.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::tokio::net::UdpSocket;
use socket2::{SockAddr, SockRef};

use super::AsyncLink;
use crate::link::Link;
use crate::socket::{Socket, SocketHandle, SocketOptions, SocketStats, Sockets, bind_any_port};

/// Link over non-blocking UDP sockets that a tokio runtime waits for.
pub struct UdpLink {
    sockets: Sockets<UdpSocket>,
}

impl UdpLink {
    /// Binds to each address: one of IPv4, one of IPv6, or one of each. Port 0 takes any free one;
    /// with both families at port 0, each gets a port of its own.
    ///
    /// # Errors
    /// No address, two of one family, or an address that cannot be bound; the error names it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O.
    pub fn bind(addresses: &[SocketAddr], options: &SocketOptions) -> io::Result<Self> {
        let sockets = Sockets::bind(addresses, options, UdpSocket::from_std)?;
        Ok(Self { sockets })
    }

    /// Binds to ports of the system's choice, for IPv4 and, where the system has it, IPv6: the link
    /// of a client.
    ///
    /// # Errors
    /// No socket can be made.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O.
    pub fn bind_any_port() -> io::Result<Self> {
        bind_any_port(Self::bind)
    }

    /// Counters of the link.
    pub fn stats(&self) -> SocketStats {
        self.sockets.stats
    }

    /// Handles of the sockets, for their options.
    pub fn sockets(&self) -> impl Iterator<Item = SocketHandle<'_>> {
        self.sockets.handles()
    }
}

impl Socket for UdpSocket {
    fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_recv_from(buffer)
    }

    /// Passes the datagram to the system whether or not the runtime has seen the socket writable
    /// yet: `try_send_to` of a new socket would refuse it.
    fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        SockRef::from(self).send_to(datagram, &SockAddr::from(to))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Link for UdpLink {
    fn turn(&mut self, _now: Instant) {
        self.sockets.turn();
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        self.sockets.receive(buffer)
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        self.sockets.send(to, datagram)
    }

    /// Nothing to do: [`send`](Link::send) passes every datagram to the system at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Always an error, since a task must not block: await `ready` instead.
    fn wait(&mut self, _timeout: Duration) -> io::Result<()> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "a link of tokio does not block; await `ready` instead of calling `wait`",
        ))
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        self.sockets.local_addresses()
    }
}

impl AsyncLink for UdpLink {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Each is asked, so that each wakes the task.
        let mut any = Poll::Pending;
        for bound in &self.sockets.bound {
            if let Poll::Ready(ready) = bound.socket.poll_recv_ready(cx) {
                ready?;
                any = Poll::Ready(Ok(()));
            }
        }
        any
    }
}
