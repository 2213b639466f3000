//! What carries datagrams: sockets, or the simulator around them.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Carries datagrams, unreliably and in any order.
///
/// A link never blocks but in [`wait`](Self::wait), and never fails for what the network did: a
/// datagram that cannot be sent is lost, as it might have been on the way.
pub trait Link {
    /// Begins a turn of bounded work at `now`: lets time pass, and makes room for more datagrams
    /// to be received.
    fn turn(&mut self, now: Instant);

    /// The next datagram: how many bytes of `buffer` it fills, and whose it is. `None` when there
    /// is none, or when this turn has received its share.
    ///
    /// # Errors
    /// Something is wrong with the link itself: it will not work again.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>>;

    /// Sends a datagram, or keeps it for the next [`flush`](Self::flush).
    ///
    /// # Errors
    /// Something is wrong with the link itself: it will not work again.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()>;

    /// Sends what [`send`](Self::send) has kept. A turn ends with it.
    ///
    /// # Errors
    /// Something is wrong with the link itself: it will not work again.
    fn flush(&mut self) -> io::Result<()>;

    /// Blocks until a datagram may have come, or for `timeout`.
    ///
    /// # Errors
    /// Something is wrong with the link itself: it will not work again.
    fn wait(&mut self, timeout: Duration) -> io::Result<()>;

    /// The addresses datagrams arrive at: one, or one for each family.
    fn local_addresses(&self) -> Vec<SocketAddr>;
}
