//! Paths to a browser: an address gets a stream only once it has answered.
//!
//! ICE's lite agent sends no checks of its own: it believes whoever knows the password and names an
//! address. So that nobody can have a stream sent to somebody else, each address is asked, with a
//! connectivity check whose transaction number is random (RFC 7675 calls that consent). Until it has
//! answered, all it gets is such checks: none longer than what came from it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use str0m::config::CryptoProvider;
use str0m::ice::{IceCreds, StunMessage, TransId};

use super::credentials::random;
use crate::config::MAX_PEER_ADDRESSES;

/// Datagrams that wait until an address has answered; the oldest make room for more.
const WAITING: usize = 8;

/// A check is shorter.
const MAX_CHECK_BYTES: usize = 512;

/// Any: of two addresses that answer, the browser chooses.
const PRIORITY: u32 = 1;

/// A datagram, and where it goes.
pub(super) type Outgoing = (SocketAddr, Vec<u8>);

/// The addresses a browser may be reached at.
pub(super) struct Paths {
    crypto: Arc<CryptoProvider>,
    /// Whom checks are for, and from whom: names of both.
    username: String,
    /// The browser's password.
    password: String,
    tie_breaker: u64,
    paths: Vec<Path>,
    /// Where the latest datagram came from that came from no path, and its length.
    stranger: Option<(SocketAddr, usize)>,
    /// Where the stream goes: the last of the chosen addresses that has answered.
    current: Option<SocketAddr>,
    /// What was to go where nobody has answered yet.
    waiting: VecDeque<Outgoing>,
}

/// An address from which a check came with the right password.
struct Path {
    address: SocketAddr,
    /// Bytes that came from it and were not spent on checks.
    credit: usize,
    /// The number of the check it has to answer. None once it has.
    question: Option<TransId>,
}

/// What a datagram from a browser's address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// For the peer connection.
    ForPeer,
    /// An answer to a check of ours, and nothing to anybody else.
    Answer,
    /// From one address too many.
    TooMany,
}

impl Paths {
    /// Checks go from `local` to `remote`, by their names in ICE.
    pub(super) fn new(crypto: Arc<CryptoProvider>, local: &IceCreds, remote: &IceCreds) -> Self {
        Self {
            crypto,
            username: format!("{}:{}", remote.ufrag, local.ufrag),
            password: remote.pass.clone(),
            tie_breaker: random().map_or(0, u64::from_le_bytes),
            paths: Vec::new(),
            stranger: None,
            current: None,
            waiting: VecDeque::new(),
        }
    }

    /// The address that the stream goes to.
    pub(super) fn current(&self) -> Option<SocketAddr> {
        self.current
    }

    /// Takes in a datagram. Those that wait may go out after it.
    pub(super) fn take_in(&mut self, from: SocketAddr, datagram: &[u8]) -> Incoming {
        self.stranger = None;
        let Some(path) = self.paths.iter_mut().find(|path| path.address == from) else {
            if self.paths.len() >= MAX_PEER_ADDRESSES {
                return Incoming::TooMany;
            }
            self.stranger = Some((from, datagram.len()));
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

    /// What goes out when `datagram` is meant for `to`.
    pub(super) fn send(&mut self, to: SocketAddr, datagram: Vec<u8>) -> Option<Outgoing> {
        let is_stun = is_stun(&datagram);
        if self.has_answered(to) {
            if !is_stun {
                self.current = Some(to);
            }
            return Some((to, datagram));
        }
        if is_stun {
            // It answers a check with the right password: now the address is asked itself.
            self.wait(to, datagram);
            return self.check(to);
        }
        // The stream stays where it is until the browser has answered at the other address.
        if let Some(current) = self.current {
            return Some((current, datagram));
        }
        self.wait(to, datagram);
        None
    }

    /// A datagram that waited for an address that has answered since.
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

    /// A check of `to`, if no more goes there than came from there.
    fn check(&mut self, to: SocketAddr) -> Option<Outgoing> {
        if let Some((address, credit)) = self.stranger.take_if(|(from, _)| *from == to) {
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

/// Whether it is STUN's: the first two bits are zero, those of DTLS are not (RFC 7983).
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

/// A number that nobody can guess. The library's own are not made for that.
fn question() -> Option<TransId> {
    // The head of a message of no attributes, which the library takes the number out of.
    const HEAD: [u8; 8] = [0x01, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    let mut message = [0; 20];
    let (head, number) = message.split_at_mut(HEAD.len());
    head.copy_from_slice(&HEAD);
    number.copy_from_slice(&random::<12>()?);
    Some(StunMessage::parse(&message).ok()?.trans_id())
}

#[cfg(test)]
mod tests;
