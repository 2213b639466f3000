//! A socket of embassy-net's, and the time.

use core::future::{Future as _, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use embassy_net::IpEndpoint;
use embassy_net::udp::{RecvError, SendError, UdpSocket};
use embassy_time::Timer;
use netcode_core::Instant;

use crate::error::Refused;
use crate::stats::SocketStats;

pub(super) fn now() -> Instant {
    Instant::from_micros(embassy_time::Instant::now().as_micros())
}

/// The first tick that is not before `due`: a timer that rang a tick early would find nothing to
/// do, and ring again.
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

pub(super) struct Socket<'s> {
    udp: UdpSocket<'s>,
    stats: SocketStats,
}

impl<'s> Socket<'s> {
    pub(super) const fn new(udp: UdpSocket<'s>) -> Self {
        Self {
            udp,
            stats: SocketStats::ZERO,
        }
    }

    pub(super) const fn stats(&self) -> SocketStats {
        self.stats
    }

    /// Waits for a datagram until `deadline`, for ever if there is none: how many bytes of
    /// `buffer` it fills, and whose it is. `None` when the time has come, or when a datagram was
    /// longer than netcode's.
    pub(super) async fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline: Option<Instant>,
    ) -> Option<(usize, SocketAddr)> {
        let due = deadline.map_or(embassy_time::Instant::MAX, tick_of);
        let mut timer = pin!(Timer::at(due));
        let received = poll_fn(|context| {
            if let Poll::Ready(received) = self.udp.poll_recv_from(buffer, context) {
                return Poll::Ready(Some(received));
            }
            timer.as_mut().poll(context).map(|()| None)
        })
        .await?;
        match received {
            Ok((len, meta)) => Some((len, meta.endpoint.into())),
            Err(RecvError::Truncated) => {
                self.stats.count_too_long();
                None
            }
        }
    }

    /// Hands a datagram to the socket, where it waits for the interface. If it cannot, the
    /// datagram is lost and counted.
    pub(super) fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<(), Refused> {
        let sent = self.try_send(to, datagram);
        sent.inspect_err(|&refused| self.stats.count_refused(refused))
    }

    fn try_send(&self, to: SocketAddr, datagram: &[u8]) -> Result<(), Refused> {
        let to = to_endpoint(to).ok_or(Refused::Unaddressable)?;
        // Nobody waits for room: what is not sent now is lost.
        let mut nobody = Context::from_waker(Waker::noop());
        match self.udp.poll_send_to(datagram, to, &mut nobody) {
            Poll::Ready(Ok(())) => Ok(()),
            Poll::Ready(Err(SendError::PacketTooLarge)) | Poll::Pending => Err(Refused::Full),
            Poll::Ready(Err(SendError::NoRoute | SendError::SocketNotBound)) => {
                Err(Refused::Unaddressable)
            }
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
