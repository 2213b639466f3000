//! UDP: one socket, or one for each family behind one [`Link`].

mod options;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

pub use self::options::SocketOptions;
use crate::link::Link;

/// Maximum number of datagrams that one turn takes from each socket. A flood on one family then
/// starves neither the other nor the timers; further datagrams stay in the socket's buffer for the
/// next turn.
pub const DATAGRAMS_PER_TURN: u32 = 1024;

/// Counters of a UDP link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketStats {
    /// Datagrams not sent because the socket's buffer was full.
    pub send_blocked: u64,
    /// Datagrams the system refused to send: no route, too long, no socket of that family.
    pub send_failed: u64,
    /// Errors reported for earlier datagrams (ICMP). They end no session.
    pub unreachable: u64,
}

struct Bound {
    socket: UdpSocket,
    address: SocketAddr,
    left_this_turn: u32,
    /// `true` if the last read found nothing: only then does the poller report the next datagram.
    drained: bool,
}

/// Link over non-blocking UDP sockets.
pub struct UdpLink {
    bound: Vec<Bound>,
    /// Socket to read first next time.
    next: usize,
    poll: Poll,
    events: Events,
    stats: SocketStats,
}

impl UdpLink {
    /// Binds to each address: one of IPv4, one of IPv6, or one of each. Port 0 takes any free one;
    /// with both families at port 0, each gets a port of its own.
    ///
    /// # Errors
    /// No address, two of one family, or an address that cannot be bound; the error names it.
    pub fn bind(addresses: &[SocketAddr], options: &SocketOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut bound: Vec<Bound> = Vec::with_capacity(addresses.len());
        for &address in addresses {
            if bound
                .iter()
                .any(|other| other.address.is_ipv4() == address.is_ipv4())
            {
                return Err(invalid("bind at most one address of each family"));
            }
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
            let mut socket = UdpSocket::from_std(options.bind(address).map_err(named)?);
            poll.registry()
                .register(&mut socket, Token(bound.len()), Interest::READABLE)?;
            let address = socket.local_addr()?;
            bound.push(Bound {
                socket,
                address,
                left_this_turn: 0,
                drained: false,
            });
        }
        if bound.is_empty() {
            return Err(invalid("bind at least one address"));
        }
        let events = Events::with_capacity(bound.len());
        Ok(Self {
            bound,
            next: 0,
            poll,
            events,
            stats: SocketStats::default(),
        })
    }

    /// Counters of the link.
    pub fn stats(&self) -> SocketStats {
        self.stats
    }

    /// The non-blocking sockets, to register with the caller's own event loop.
    pub fn sockets(&self) -> impl Iterator<Item = &UdpSocket> {
        self.bound.iter().map(|bound| &bound.socket)
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl Link for UdpLink {
    fn turn(&mut self, _now: Instant) {
        for bound in &mut self.bound {
            bound.left_this_turn = DATAGRAMS_PER_TURN;
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        let sockets = self.bound.len();
        for turn in 0..sockets {
            let index = (self.next + turn) % sockets;
            let Some(bound) = self.bound.get_mut(index) else {
                continue;
            };
            if let Some(received) = bound.receive(buffer, &mut self.stats)? {
                self.next = (index + 1) % sockets;
                return Ok(Some(received));
            }
        }
        Ok(None)
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        let bound = self
            .bound
            .iter()
            .find(|bound| bound.address.is_ipv4() == to.is_ipv4());
        let Some(bound) = bound else {
            self.stats.send_failed += 1;
            return Ok(());
        };
        match bound.socket.send_to(datagram, to) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stats.send_blocked += 1;
                Ok(())
            }
            Err(error) if is_the_networks_fault(&error) => {
                self.stats.unreachable += 1;
                Ok(())
            }
            Err(error) if is_the_sockets_fault(&error) => Err(error),
            Err(_) => {
                self.stats.send_failed += 1;
                Ok(())
            }
        }
    }

    /// Nothing to do: [`send`](Link::send) passes every datagram to the system at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if self.bound.iter().any(|bound| !bound.drained) {
            return Ok(());
        }
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.events {
            if let Some(bound) = self.bound.get_mut(event.token().0) {
                bound.drained = false;
            }
        }
        Ok(())
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }
}

impl Bound {
    fn receive(
        &mut self,
        buffer: &mut [u8],
        stats: &mut SocketStats,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        while self.left_this_turn > 0 {
            match self.socket.recv_from(buffer) {
                Ok(received) => {
                    self.left_this_turn -= 1;
                    self.drained = false;
                    return Ok(Some(received));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.drained = true;
                    return Ok(None);
                }
                Err(error) if is_the_networks_fault(&error) => {
                    // Each costs a share of the turn, or a flood of them would block the loop.
                    self.left_this_turn -= 1;
                    stats.unreachable += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_the_sockets_fault(&error) => return Err(error),
                // Windows reports a datagram that is longer than the buffer as an error.
                Err(_) => self.left_this_turn -= 1,
            }
        }
        Ok(None)
    }
}

/// Errors that concern an earlier datagram (ICMP). On Windows every later call on a socket returns
/// a connection reset after a datagram to a closed port.
fn is_the_networks_fault(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::ConnectionAborted
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::TimedOut
    )
}

/// Errors that mean the socket is gone, as opposed to one datagram.
fn is_the_sockets_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotConnected | io::ErrorKind::BrokenPipe
    ) || error.raw_os_error() == Some(BAD_DESCRIPTOR)
}

/// `EBADF` on Unix, `WSAENOTSOCK` on Windows.
const BAD_DESCRIPTOR: i32 = if cfg!(windows) { 10038 } else { 9 };
