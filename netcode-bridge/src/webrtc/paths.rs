//! Paths to a browser: an address gets a stream only after it has answered a check.
//!
//! ICE's lite agent sends no checks of its own: it trusts any peer that knows the password and
//! names an address. So that no peer can direct a stream at a victim, each address is sent a
//! connectivity check with a random transaction id (consent, RFC 7675). Until the address has
//! answered, it gets only such checks: none longer than what came from it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use str0m::config::CryptoProvider;
use str0m::ice::{IceCreds, StunMessage, TransId};

use super::credentials::random;
use crate::config::MAX_PEER_ADDRESSES;

/// Datagrams queued until an address has answered; the oldest is dropped for a new one.
const WAITING: usize = 8;

/// Maximum length of a check.
const MAX_CHECK_BYTES: usize = 512;

/// Any value: of two addresses that answer, the browser chooses.
const PRIORITY: u32 = 1;

/// Destination and datagram.
pub(super) type Outgoing = (SocketAddr, Vec<u8>);

/// Addresses of a browser.
pub(super) struct Paths {
    crypto: Arc<CryptoProvider>,
    /// ICE user fragments of receiver and sender of checks.
    username: String,
    /// Password of the browser.
    password: String,
    tie_breaker: u64,
    paths: Vec<Path>,
    /// Source and length of the latest datagram from an address that is no path.
    unknown: Option<(SocketAddr, usize)>,
    /// Destination of the stream: the last of the chosen addresses that has answered.
    current: Option<SocketAddr>,
    /// Datagrams queued until an address has answered.
    waiting: VecDeque<Outgoing>,
}

/// Address from which a check with the right password came.
struct Path {
    address: SocketAddr,
    /// Bytes received from it and not spent on checks.
    credit: usize,
    /// Transaction id of the check it has to answer. `None` once it has.
    question: Option<TransId>,
}

/// Kind of a datagram from a browser's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// For the peer connection.
    ForPeer,
    /// Answer to a check of the bridge; not for the peer connection.
    Answer,
    /// From an address above the limit.
    TooMany,
}

impl Paths {
    /// Paths for checks from `local` to `remote`.
    pub(super) fn new(crypto: Arc<CryptoProvider>, local: &IceCreds, remote: &IceCreds) -> Self {
        Self {
            crypto,
            username: format!("{}:{}", remote.ufrag, local.ufrag),
            password: remote.pass.clone(),
            tie_breaker: random().map_or(0, u64::from_le_bytes),
            paths: Vec::new(),
            unknown: None,
            current: None,
            waiting: VecDeque::new(),
        }
    }

    /// Destination of the stream.
    pub(super) fn current(&self) -> Option<SocketAddr> {
        self.current
    }

    /// Processes a datagram. Queued datagrams may be ready to send afterwards.
    pub(super) fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8]) -> Incoming {
        self.unknown = None;
        let Some(path) = self.paths.iter_mut().find(|path| path.address == from) else {
            if self.paths.len() >= MAX_PEER_ADDRESSES {
                return Incoming::TooMany;
            }
            self.unknown = Some((from, datagram.len()));
            return Incoming::ForPeer;
        };
        let Some(question) = path.question else {
            return Incoming::ForPeer;
        };
        path.credit = path.credit.saturating_add(datagram.len());
        let hmac = self.crypto.sha1_hmac_provider;
        let answers = StunMessage::parse(datagram).is_ok_and(|message| {
            message.is_successful_binding_response()
                && message.trans_id() == question
                && message.verify(self.password.as_bytes(), |key, parts| {
                    hmac.sha1_hmac(key, parts)
                })
        });
        if !answers {
            return Incoming::ForPeer;
        }
        path.question = None;
        self.current.get_or_insert(from);
        Incoming::Answer
    }

    /// Datagram to send when `datagram` is meant for `to`.
    pub(super) fn send(&mut self, to: SocketAddr, datagram: Vec<u8>) -> Option<Outgoing> {
        let is_stun = is_stun(&datagram);
        if self.has_answered(to) {
            if !is_stun {
                self.current = Some(to);
            }
            return Some((to, datagram));
        }
        if is_stun {
            // The reply to a check with the right password: the address is now checked itself.
            self.wait(to, datagram);
            return self.check(to);
        }
        // The stream stays at its address until the browser has answered at the other one.
        if let Some(current) = self.current {
            return Some((current, datagram));
        }
        self.wait(to, datagram);
        None
    }

    /// Next queued datagram for an address that has answered since.
    pub(super) fn next(&mut self) -> Option<Outgoing> {
        let at = (0..self.waiting.len()).find(|at| {
            let waiting = self.waiting.get(*at);
            waiting.is_some_and(|(to, _)| self.has_answered(*to))
        })?;
        self.waiting.remove(at)
    }

    fn has_answered(&self, address: SocketAddr) -> bool {
        let answered = |path: &Path| path.address == address && path.question.is_none();
        self.paths.iter().any(answered)
    }

    fn wait(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((to, datagram));
    }

    /// Check of `to`, if it has credit for it.
    fn check(&mut self, to: SocketAddr) -> Option<Outgoing> {
        if let Some((address, credit)) = self.unknown.take_if(|(from, _)| *from == to) {
            self.paths.push(Path {
                address,
                credit,
                question: Some(question()?),
            });
        }
        let path = self.paths.iter_mut().find(|path| path.address == to)?;
        let check = StunMessage::binding_request(
            &self.username,
            path.question?,
            false,
            self.tie_breaker,
            PRIORITY,
            false,
        );
        let hmac = self.crypto.sha1_hmac_provider;
        let mut bytes = vec![0; MAX_CHECK_BYTES];
        let password = Some(self.password.as_bytes());
        let len = check
            .to_bytes(password, &mut bytes, |key, parts| {
                hmac.sha1_hmac(key, parts)
            })
            .ok()?;
        bytes.truncate(len);
        path.credit = path.credit.checked_sub(len)?;
        Some((to, bytes))
    }
}

/// `true` for STUN: the first two bits are zero, unlike those of DTLS (RFC 7983).
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

/// Unpredictable transaction id. The library's own generator is not made for secrets.
fn question() -> Option<TransId> {
    // Header of a message without attributes, from which the library parses the id.
    const HEAD: [u8; 8] = [0x01, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    let mut message = [0; 20];
    let (head, number) = message.split_at_mut(HEAD.len());
    head.copy_from_slice(&HEAD);
    number.copy_from_slice(&random::<12>()?);
    Some(StunMessage::parse(&message).ok()?.trans_id())
}

#[cfg(test)]
mod tests;
