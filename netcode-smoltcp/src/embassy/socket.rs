//! Link over embassy-net sockets and embassy's time.

use core::future::{Future as _, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embassy_net::udp::{RecvError, SendError, UdpSocket};
use embassy_net::{IpAddress, IpEndpoint};
use embassy_time::Timer;
use netcode_core::Instant;

use crate::error::TransmitError;
use crate::lanes::{Endpoint, Lanes, Load, Purpose, Sockets};
use crate::stats::SocketStats;

pub(super) fn now() -> Instant {
    Instant::from_micros(embassy_time::Instant::now().as_micros())
}

/// Yields to other tasks once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// First tick that is not before `due`: a timer that fires a tick early would find nothing due, and
/// fire again.
fn tick_of(due: Instant) -> embassy_time::Instant {
    let due = due.as_micros();
    match embassy_time::Instant::try_from_micros(due) {
        Some(tick) if tick.as_micros() < due => {
            embassy_time::Instant::from_ticks(tick.as_ticks().saturating_add(1))
        }
        Some(tick) => tick,
        None => embassy_time::Instant::MAX,
    }
}

/// Turns given to embassy-net's runner. Accessing a socket wakes the runner, and tasks woken
/// together run in any order: it has run once when this task runs for the second time.
const TURNS: u8 = 2;

/// Sockets of a client or a server: the first receives, each is a lane.
pub(super) struct Link<'s, const N: usize> {
    sockets: [UdpSocket<'s>; N],
    lanes: Lanes<IpEndpoint, N>,
    stats: SocketStats,
    /// Turns given to the runner since a deadline passed.
    turns: u8,
}

impl<'s, const N: usize> Link<'s, N> {
    pub(super) const fn new(sockets: [UdpSocket<'s>; N]) -> Self {
        Self {
            sockets,
            lanes: Lanes::new(),
            stats: SocketStats::ZERO,
            turns: 0,
        }
    }

    pub(super) const fn stats(&self) -> SocketStats {
        self.stats
    }

    /// Next datagram, if one has arrived: its length in `buffer`, and its source.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        // Waiting is up to `wait`.
        let mut no_waker = Context::from_waker(Waker::noop());
        let socket = self.sockets.first()?;
        loop {
            match socket.poll_recv_from(buffer, &mut no_waker) {
                Poll::Ready(Ok((len, meta))) => return Some((len, meta.endpoint.into())),
                Poll::Ready(Err(RecvError::Truncated)) => self.stats.count_too_long(),
                Poll::Pending => return None,
            }
        }
    }

    /// Lets embassy-net's runner run if `deadline` has passed; `true` if it was. The frames that
    /// the card holds have then arrived too, and need to be read before time is evaluated.
    pub(super) async fn give_turn(&mut self, deadline: Option<Instant>) -> bool {
        if deadline.is_none_or(|due| due > now()) || self.turns >= TURNS {
            self.turns = 0;
            return false;
        }
        // Counted first: a caller that always drops this future reaches the transmit step all the
        // same.
        self.turns = self.turns.saturating_add(1);
        yield_once().await;
        true
    }

    /// Waits until a datagram has arrived, or until `deadline`, if there is one.
    pub(super) async fn wait(&self, deadline: Option<Instant>) {
        let due = deadline.map_or(embassy_time::Instant::MAX, tick_of);
        let mut timer = pin!(Timer::at(due));
        poll_fn(|context| {
            let arrived = self.sockets.first().map(|it| it.poll_recv_ready(context));
            if arrived.is_some_and(|arrived| arrived.is_ready()) {
                return Poll::Ready(());
            }
            timer.as_mut().poll(context)
        })
        .await;
    }

    /// Queues a datagram in a socket for the interface. If that fails, the datagram is lost and
    /// counted.
    pub(super) fn send(
        &mut self,
        purpose: Purpose,
        to: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), TransmitError> {
        let sent = self.try_send(purpose, to, datagram);
        sent.inspect_err(|&refused| self.stats.count_refused(refused))
    }

    fn try_send(
        &mut self,
        purpose: Purpose,
        to: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), TransmitError> {
        let endpoint = to_endpoint(to).ok_or(TransmitError::Unaddressable)?;
        let at = self.lanes.choose(endpoint, purpose, &mut self.sockets)?;
        self.bind(at);
        let socket = self.sockets.get(at).ok_or(TransmitError::Unaddressable)?;
        // No waiting for room: a datagram that cannot be queued now is lost.
        let mut no_waker = Context::from_waker(Waker::noop());
        match socket.poll_send_to(datagram, endpoint, &mut no_waker) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(SendError::PacketTooLarge)) | Poll::Pending => {
                return Err(TransmitError::Full);
            }
            Poll::Ready(Err(SendError::NoRoute | SendError::SocketNotBound)) => {
                return Err(TransmitError::Unaddressable);
            }
        }
        let capacity = Load {
            datagrams: socket.packet_send_capacity(),
            bytes: socket.payload_send_capacity(),
        };
        let lane = (at, endpoint, purpose);
        self.lanes.fill(now(), lane, datagram.len(), capacity);
        Ok(())
    }

    /// Binds a socket that only sends to the first socket's address: peers know one port.
    fn bind(&mut self, at: usize) {
        let bound = self.sockets.first().map(UdpSocket::endpoint);
        let socket = self.sockets.get_mut(at).filter(|it| !it.is_open());
        // Port 0 would be any port: it means that the first is closed.
        if let Some(endpoint) = bound.filter(|endpoint| endpoint.port != 0)
            && let Some(socket) = socket
        {
            let _ = socket.bind(endpoint);
        }
    }

    /// Drops queued datagrams for any peer but `to`.
    pub(super) fn retain_peer(&mut self, to: SocketAddr) {
        if let Some(to) = to_endpoint(to) {
            self.lanes.retain_peer(to, &mut self.sockets);
        }
    }

    /// Records that a host is reachable.
    pub(super) fn heard(&mut self, from: SocketAddr) {
        if let Some(from) = to_endpoint(from) {
            self.lanes.heard(from.addr);
        }
    }

    /// Advances time for datagrams queued in the sockets. Call it when no received datagram is
    /// pending.
    pub(super) fn pass_time(&mut self) {
        let cleared = self.lanes.pass_time(now(), &mut self.sockets);
        self.stats.count_cleared(cleared);
    }

    /// Time of the next [`pass_time`](Self::pass_time).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lanes.deadline()
    }
}

impl Endpoint for IpEndpoint {
    type Host = IpAddress;

    fn host(&self) -> IpAddress {
        self.addr
    }
}

impl<const N: usize> Sockets for [UdpSocket<'_>; N] {
    fn is_drained(&mut self, lane: usize) -> bool {
        let mut no_waker = Context::from_waker(Waker::noop());
        self.get_mut(lane)
            .is_none_or(|socket| pin!(socket.flush()).poll(&mut no_waker).is_ready())
    }

    fn clear(&mut self, lane: usize) {
        if let Some(socket) = self.get_mut(lane)
            && socket.is_open()
        {
            let endpoint = socket.endpoint();
            socket.close();
            let _ = socket.bind(endpoint);
        }
    }
}

/// `None` for a family that embassy-net was built without.
fn to_endpoint(address: SocketAddr) -> Option<IpEndpoint> {
    match address {
        #[cfg(feature = "proto-ipv4")]
        SocketAddr::V4(address) => Some(address.into()),
        #[cfg(feature = "proto-ipv6")]
        SocketAddr::V6(address) => Some(address.into()),
        #[allow(unreachable_patterns, reason = "reached without one of the families")]
        _ => None,
    }
}
