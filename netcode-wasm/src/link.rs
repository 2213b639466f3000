//! Session with a bridge for one server: the datagram that waits until it opens, and fragments of
//! datagrams that are longer than its messages.

use std::net::SocketAddr;
use std::time::Duration;

use netcode_core::Instant;
use netcode_core::bridge::{FragmentError, Fragmenter, MAX_FRAGMENT_BYTES, Reassembler};

use crate::failure::TransportKind;
use crate::options::Options;
use crate::transport::{self, Callbacks, Transport};

/// Time for WebTransport to open before WebRTC is tried. A blocked port gives no answer at all, and
/// both must fit into the token's timeout.
const OPENING: Duration = Duration::from_secs(3);

/// Session with a bridge for one server.
pub(crate) struct Link {
    pub(crate) server: SocketAddr,
    pub(crate) kind: TransportKind,
    transport: Box<dyn Transport>,
    began: Instant,
    is_open: bool,
    /// Newest datagram that the core sent before the session opened; empty if there is none. Older
    /// ones are not needed: the core repeats them.
    waiting: Vec<u8>,
    fragmenter: Fragmenter,
    reassembler: Reassembler,
}

impl Link {
    /// Begins to open a session for `server`.
    pub(crate) fn open_session(
        kind: TransportKind,
        options: &Options,
        server: SocketAddr,
        callbacks: &Callbacks,
        now: Instant,
    ) -> Self {
        let transport = transport::open(kind, options, server, callbacks);
        Self::new(kind, server, transport, now)
    }

    fn new(
        kind: TransportKind,
        server: SocketAddr,
        transport: Box<dyn Transport>,
        now: Instant,
    ) -> Self {
        Self {
            server,
            kind,
            transport,
            began: now,
            is_open: false,
            waiting: Vec::new(),
            fragmenter: Fragmenter::new(),
            reassembler: Reassembler::new(),
        }
    }

    /// `true` if it has been opening for so long that another transport should be tried.
    pub(crate) fn is_slow(&self, now: Instant) -> bool {
        !self.is_open && now.saturating_since(self.began) >= OPENING
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Records that it has opened, and sends the datagram that waited. `false`: the browser had no
    /// room for it.
    pub(crate) fn opened(&mut self) -> bool {
        self.is_open = true;
        let waiting = std::mem::take(&mut self.waiting);
        waiting.is_empty() || self.send(&waiting)
    }

    /// Sends a datagram, in two fragments if it is too long for one message, or keeps it until the
    /// session opens. `false`: the browser had no room for it.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> bool {
        if !self.is_open {
            self.waiting.clear();
            self.waiting.extend_from_slice(datagram);
            return true;
        }
        if datagram.len() <= self.transport.limit() {
            return self.transport.send(datagram);
        }
        let mut out = [[0; MAX_FRAGMENT_BYTES]; 2];
        let fragments = self.fragmenter.split(datagram, &mut out);
        fragments.is_some_and(|fragments| {
            fragments
                .iter()
                .all(|fragment| self.transport.send(fragment))
        })
    }

    pub(crate) fn join(
        &mut self,
        now: Instant,
        fragment: &[u8],
    ) -> Result<Option<&mut [u8]>, FragmentError> {
        self.reassembler.insert(now, fragment)
    }

    /// Prepares for the end of the page: disconnect packets must leave at once.
    pub(crate) fn leave_page(&self) {
        self.transport.leave_page();
    }

    /// Length in bytes of the longest message that it carries now.
    pub(crate) fn limit(&self) -> usize {
        self.transport.limit()
    }

    /// Gives the datagram that waits to `other`, a session for the same server.
    pub(crate) fn hand_over(self, other: &mut Self) {
        other.waiting = self.waiting;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    type Sent = Rc<RefCell<Vec<Vec<u8>>>>;

    struct Recorder {
        limit: usize,
        sent: Sent,
    }

    impl Transport for Recorder {
        fn limit(&self) -> usize {
            self.limit
        }

        fn send(&self, message: &[u8]) -> bool {
            self.sent.borrow_mut().push(message.to_vec());
            true
        }
    }

    fn link(limit: usize) -> (Link, Sent) {
        let sent = Sent::default();
        let transport = Box::new(Recorder {
            limit,
            sent: Rc::clone(&sent),
        });
        let server = "192.0.2.1:40000".parse().unwrap();
        let now = Instant::ZERO;
        let link = Link::new(TransportKind::WebTransport, server, transport, now);
        (link, sent)
    }

    #[test]
    fn only_the_newest_datagram_waits_for_the_session_to_open() {
        let (mut link, sent) = link(1211);
        link.send(&[0, 1]);
        link.send(&[0, 2, 2]);
        assert!(sent.borrow().is_empty());
        assert!(link.opened());
        link.send(&[0, 3]);
        assert_eq!(*sent.borrow(), [vec![0, 2, 2], vec![0, 3]]);
    }

    #[test]
    fn the_datagram_that_waits_is_handed_over_to_the_other_transport() {
        let (mut failed, unsent) = link(1211);
        failed.send(&[0, 1]);
        let (mut other, sent) = link(1225);
        failed.hand_over(&mut other);
        other.opened();
        assert!(unsent.borrow().is_empty());
        assert_eq!(*sent.borrow(), [vec![0, 1]]);
    }

    #[test]
    fn a_datagram_over_the_limit_travels_in_two_fragments_and_is_reassembled() {
        let (mut link, sent) = link(1211);
        link.opened();
        let whole = vec![0x15; 1211];
        let long = vec![0x15; 1212];
        link.send(&whole);
        link.send(&long);
        let sent = sent.take();
        assert_eq!(sent.first(), Some(&whole));
        assert_eq!(sent.len(), 3);
        assert_eq!(link.join(Instant::ZERO, &sent[1]), Ok(None));
        let joined = link.join(Instant::ZERO, &sent[2]).unwrap();
        assert_eq!(joined.map(|it| it.to_vec()), Some(long));
    }

    #[test]
    fn a_session_that_has_not_opened_for_three_seconds_is_slow() {
        let (mut link, _) = link(1211);
        assert!(!link.is_slow(Instant::from_millis(2_999)));
        assert!(link.is_slow(Instant::from_millis(3_000)));
        link.opened();
        assert!(!link.is_slow(Instant::from_millis(9_000)));
    }
}
