//! Link: the transport of datagrams, such as sockets or the simulator around them.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Unreliable, unordered transport of datagrams.
///
/// A link blocks only in [`wait`](Self::wait), and network failures are not errors: a datagram that
/// cannot be sent is lost, as it might have been on the network.
pub trait Link {
    /// Begins a turn of bounded work at `now`: advances time, and permits more datagrams to be
    /// received.
    fn turn(&mut self, now: Instant);

    /// Next datagram: its length in `buffer`, and its source. `None` when there is none, or when
    /// this turn has received its share.
    ///
    /// # Errors
    /// The link is broken: it will not work again.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>>;

    /// Sends a datagram, or queues it for the next [`flush`](Self::flush).
    ///
    /// # Errors
    /// The link is broken: it will not work again.
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()>;

    /// Sends the datagrams that [`send`](Self::send) has queued. Called at the end of a turn.
    ///
    /// # Errors
    /// The link is broken: it will not work again.
    fn flush(&mut self) -> io::Result<()>;

    /// Blocks until a datagram may have arrived, or for `timeout`.
    ///
    /// # Errors
    /// The link is broken: it will not work again. [`Unsupported`](io::ErrorKind::Unsupported) for
    /// links of asynchronous programs, which must not block.
    fn wait(&mut self, timeout: Duration) -> io::Result<()>;

    /// Time at which the next datagram arrives that the link itself delays, as a simulator does.
    fn next_arrival(&self) -> Option<Instant> {
        None
    }

    /// Addresses that datagrams arrive at: one, or one of each family.
    fn local_addresses(&self) -> Vec<SocketAddr>;
}
