//! Rules of one session: forwarding, dropping, ending. No sockets, no clock.

use std::time::Instant;

use netcode_core::Dropped;
use netcode_core::UnixTime;
use netcode_core::bridge::{CloseCode, Fragmenter, MAX_FRAGMENT_BYTES, MessageKind, Reassembler};
use netcode_core::packet::RequestHeader;
use netcode_core::standard::MAX_DATAGRAM_BYTES;

use super::config::Limits;
use super::counters::DropCause;
use super::rate::Rate;

/// Error of [`Relay::uplink`]: the message from the browser is not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UplinkError {
    /// The message is dropped; the session goes on.
    Dropped(DropCause),
    /// The session ends.
    Closed(CloseCode),
}

/// Output for the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Uplink<'d> {
    /// A datagram to send.
    Datagram(&'d [u8]),
    /// Nothing yet: the other fragment has not arrived.
    Nothing,
}

/// Output for the browser.
#[derive(Debug, PartialEq, Eq)]
pub enum Downlink<'d> {
    /// The datagram in one message.
    Whole(&'d [u8]),
    /// The datagram in two messages; send both.
    Fragments([&'d [u8]; 2]),
}

/// Rates of one direction.
struct Allowance {
    datagrams: Rate,
    bytes: Rate,
}

impl Allowance {
    fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            datagrams: Rate::new(limits.datagrams_per_second, now),
            bytes: Rate::new(limits.bytes_per_second, now),
        }
    }

    fn spend(&mut self, now: Instant, bytes: usize) -> Result<(), DropCause> {
        if !(self.datagrams.has(now, 1) && self.bytes.has(now, bytes)) {
            return Err(DropCause::Rate);
        }
        self.datagrams.take(1);
        self.bytes.take(bytes);
        Ok(())
    }
}

/// Rules of one session, without its sockets. A [`Bridge`](super::Bridge) has one for each session;
/// it is public for bridges over other transports, and for fuzzers. About 6 KiB on the heap.
pub struct Relay {
    limits: Limits,
    /// `true` once the connection request has arrived.
    admitted: bool,
    began: Instant,
    heard: Instant,
    up: Allowance,
    down: Allowance,
    reassembler: Box<Reassembler>,
    fragmenter: Fragmenter,
    halves: Box<[[u8; MAX_FRAGMENT_BYTES]; 2]>,
}

impl Relay {
    /// Rules of a session that began at `now`.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            admitted: false,
            began: now,
            heard: now,
            up: Allowance::new(&limits, now),
            down: Allowance::new(&limits, now),
            reassembler: Box::default(),
            fragmenter: Fragmenter::new(),
            halves: Box::new([[0; MAX_FRAGMENT_BYTES]; 2]),
        }
    }

    /// Processes a message from the browser; `unix` is the date. Cheap checks come first: a flood
    /// costs little more than reading the clock.
    ///
    /// # Errors
    /// See [`UplinkError`].
    pub fn uplink<'d>(
        &'d mut self,
        now: Instant,
        unix: UnixTime,
        message: &'d [u8],
    ) -> Result<Uplink<'d>, UplinkError> {
        self.up
            .spend(now, message.len())
            .map_err(UplinkError::Dropped)?;
        if !self.admitted {
            check_request(unix, message).map_err(UplinkError::Closed)?;
            self.admitted = true;
        }
        self.heard = now;
        match MessageKind::of(message) {
            Some(MessageKind::Datagram) if message.len() <= MAX_DATAGRAM_BYTES => {
                Ok(Uplink::Datagram(message))
            }
            Some(MessageKind::Fragment) => self.join(now, message),
            _ => Err(UplinkError::Dropped(DropCause::Malformed)),
        }
    }

    fn join(&mut self, now: Instant, piece: &[u8]) -> Result<Uplink<'_>, UplinkError> {
        let malformed = UplinkError::Dropped(DropCause::Malformed);
        let micros = now.saturating_duration_since(self.began).as_micros();
        let since_began = u64::try_from(micros).unwrap_or(u64::MAX);
        let core_time = netcode_core::Instant::from_micros(since_began);
        match self.reassembler.insert(core_time, piece) {
            Ok(Some(datagram)) => match MessageKind::of(datagram) {
                Some(MessageKind::Datagram) => Ok(Uplink::Datagram(datagram)),
                // Nested fragments would recurse without end.
                _ => Err(malformed),
            },
            Ok(None) => Ok(Uplink::Nothing),
            Err(_) => Err(malformed),
        }
    }

    /// Processes a datagram from the server, for a session with messages of up to `most` bytes.
    ///
    /// # Errors
    /// The [`DropCause`], if the datagram is dropped.
    pub fn downlink<'d>(
        &'d mut self,
        now: Instant,
        datagram: &'d [u8],
        most: usize,
    ) -> Result<Downlink<'d>, DropCause> {
        if datagram.len() > MAX_DATAGRAM_BYTES
            || MessageKind::of(datagram) != Some(MessageKind::Datagram)
        {
            return Err(DropCause::Malformed);
        }
        self.down.spend(now, datagram.len())?;
        if datagram.len() <= most {
            return Ok(Downlink::Whole(datagram));
        }
        let fragments = self
            .fragmenter
            .split(datagram, &mut self.halves)
            .filter(|fragments| fragments.iter().all(|fragment| fragment.len() <= most))
            .ok_or(DropCause::TooLong)?;
        Ok(Downlink::Fragments(fragments))
    }

    /// Time at which the session ends if nothing comes from the browser, and its close code.
    pub fn deadline(&self) -> (Instant, CloseCode) {
        if self.admitted {
            (self.heard + self.limits.idle_timeout, CloseCode::Idle)
        } else {
            (
                self.began + self.limits.handshake_timeout,
                CloseCode::HandshakeTimedOut,
            )
        }
    }
}

/// Checks that the first message is a connection request whose token has not expired. Only the
/// server can verify the token.
fn check_request(unix: UnixTime, message: &[u8]) -> Result<(), CloseCode> {
    match RequestHeader::parse(message) {
        Ok(header) if header.expires > unix => Ok(()),
        Ok(_) => Err(CloseCode::TokenExpired),
        Err(Dropped::Version) => Err(CloseCode::Version),
        Err(_) => Err(CloseCode::NotARequest),
    }
}

#[cfg(test)]
mod tests;
