//! Non-blocking sockets behind a link, one or one of each family: bounded turns, and errors that
//! concern a datagram told from those that end a socket.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
#[cfg(unix)]
use std::os::fd::AsFd as AsHandle;
#[cfg(windows)]
use std::os::windows::io::AsSocket as AsHandle;

use super::{DATAGRAMS_PER_TURN, SocketHandle, SocketOptions, SocketStats};

/// Non-blocking UDP socket, as an event loop has registered it.
pub(crate) trait Socket: AsHandle {
    fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize>;

    fn local_addr(&self) -> io::Result<SocketAddr>;
}

pub(crate) struct Bound<S> {
    pub(crate) socket: S,
    address: SocketAddr,
    left_this_turn: u32,
    /// `true` if the last read found nothing: only then does a poller report the next datagram.
    pub(crate) drained: bool,
}

pub(crate) struct Sockets<S> {
    pub(crate) bound: Vec<Bound<S>>,
    /// Socket to read first next time.
    next: usize,
    pub(crate) stats: SocketStats,
}

impl<S: Socket> Sockets<S> {
    /// Binds to each address, and has `register` make each socket known to an event loop.
    pub(crate) fn bind(
        addresses: &[SocketAddr],
        options: &SocketOptions,
        mut register: impl FnMut(std::net::UdpSocket) -> io::Result<S>,
    ) -> io::Result<Self> {
        let mut bound: Vec<Bound<S>> = Vec::with_capacity(addresses.len());
        for &address in addresses {
            if bound
                .iter()
                .any(|other| other.address.is_ipv4() == address.is_ipv4())
            {
                return Err(invalid("bind at most one address of each family"));
            }
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
            let socket = register(options.bind(address).map_err(named)?)?;
            bound.push(Bound {
                address: socket.local_addr()?,
                socket,
                left_this_turn: 0,
                drained: false,
            });
        }
        if bound.is_empty() {
            return Err(invalid("bind at least one address"));
        }
        Ok(Self {
            bound,
            next: 0,
            stats: SocketStats::default(),
        })
    }

    pub(crate) fn turn(&mut self) {
        for bound in &mut self.bound {
            bound.left_this_turn = DATAGRAMS_PER_TURN;
        }
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
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

    pub(crate) fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
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

    pub(crate) fn handles(&self) -> impl Iterator<Item = SocketHandle<'_>> {
        self.bound.iter().map(|bound| {
            #[cfg(unix)]
            return bound.socket.as_fd();
            #[cfg(windows)]
            return bound.socket.as_socket();
        })
    }

    pub(crate) fn local_addresses(&self) -> Vec<SocketAddr> {
        self.bound.iter().map(|bound| bound.address).collect()
    }
}

/// Binds to ports of the system's choice, for IPv4 and, where the system has it, IPv6.
pub(crate) fn bind_any_port<L>(
    bind: impl Fn(&[SocketAddr], &SocketOptions) -> io::Result<L>,
) -> io::Result<L> {
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
    let options = SocketOptions::default();
    bind(&[v4, v6], &options)
        .or_else(|_| bind(&[v4], &options))
        .or_else(|_| bind(&[v6], &options))
}

impl<S: Socket> Bound<S> {
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

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
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
