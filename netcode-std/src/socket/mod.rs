//! UDP: one socket, or one for each family behind one [`Link`].

mod options;
mod sockets;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

pub use self::options::SocketOptions;
pub(crate) use self::sockets::{Socket, Sockets, bind_any_port};
use crate::link::Link;

/// Maximum number of datagrams that one turn takes from each socket. A flood on one family then
/// starves neither the other nor the timers; further datagrams stay in the socket's buffer for the
/// next turn.
pub const DATAGRAMS_PER_TURN: u32 = 1024;

/// Counters of a UDP link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SocketStats {
    /// Datagrams not sent because the socket's buffer was full.
    pub send_blocked: u64,
    /// Datagrams the system refused to send: no route, too long, no socket of that family.
    pub send_failed: u64,
    /// Errors reported for earlier datagrams (ICMP). They end no session.
    pub unreachable: u64,
}

/// Borrowed handle of a socket, for an event loop of the program's own: `BorrowedFd` on Unix,
/// `BorrowedSocket` on Windows.
#[cfg(unix)]
pub type SocketHandle<'a> = std::os::fd::BorrowedFd<'a>;
/// Borrowed handle of a socket, for an event loop of the program's own: `BorrowedFd` on Unix,
/// `BorrowedSocket` on Windows.
#[cfg(windows)]
pub type SocketHandle<'a> = std::os::windows::io::BorrowedSocket<'a>;

/// Link over non-blocking UDP sockets.
pub struct UdpLink {
    sockets: Sockets<UdpSocket>,
    poll: Poll,
    events: Events,
}

impl UdpLink {
    /// Binds to each address: one of IPv4, one of IPv6, or one of each. Port 0 takes any free one;
    /// with both families at port 0, each gets a port of its own.
    ///
    /// # Errors
    /// No address, two of one family, or an address that cannot be bound; the error names it.
    pub fn bind(addresses: &[SocketAddr], options: &SocketOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut token = 0;
        let sockets = Sockets::bind(addresses, options, |socket| {
            let mut socket = UdpSocket::from_std(socket);
            poll.registry()
                .register(&mut socket, Token(token), Interest::READABLE)?;
            token += 1;
            Ok(socket)
        })?;
        Ok(Self {
            events: Events::with_capacity(sockets.bound.len()),
            sockets,
            poll,
        })
    }

    /// Binds to ports of the system's choice, for IPv4 and, where the system has it, IPv6: the link
    /// of a client.
    ///
    /// # Errors
    /// No socket can be made.
    pub fn bind_any_port() -> io::Result<Self> {
        bind_any_port(Self::bind)
    }

    /// Counters of the link.
    pub fn stats(&self) -> SocketStats {
        self.sockets.stats
    }

    /// Handles of the sockets, which are non-blocking, to wait for in an event loop of the
    /// program's own until one is readable or [`next_deadline`](crate::Server::next_deadline) has
    /// come:
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use netcode_std::Client;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(unix)] {
    /// use rustix::event::{PollFd, PollFlags, Timespec, poll};
    ///
    /// let client = Client::new()?;
    /// let sockets = client.link().sockets();
    /// let mut ready: Vec<_> = sockets
    ///     .map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN))
    ///     .collect();
    /// let due = client.next_deadline();
    /// let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
    /// # let wait = wait.or(Some(std::time::Duration::ZERO));
    /// // `None` waits for a datagram alone.
    /// let wait = wait.map(Timespec::try_from).transpose()?;
    /// poll(&mut ready, wait.as_ref())?;
    /// // The next turn: `update`, then `next_event` until it gives `None`.
    /// # }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A turn takes a limited number of datagrams: an event loop that reports only changes
    /// (edge-triggered) runs turns until one has no event before it waits again.
    ///
    /// Register the handles for reading, and read and write through the link alone.
    pub fn sockets(&self) -> impl Iterator<Item = SocketHandle<'_>> {
        self.sockets.handles()
    }
}

impl Socket for UdpSocket {
    fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer)
    }

    fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_to(datagram, to)
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

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if self.sockets.bound.iter().any(|bound| !bound.drained) {
            return Ok(());
        }
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.events {
            if let Some(bound) = self.sockets.bound.get_mut(event.token().0) {
                bound.drained = false;
            }
        }
        Ok(())
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        self.sockets.local_addresses()
    }
}
