//! A link through a bridge, so that the std shell's own client can be the one in the browser.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use netcode_bridge::{BridgeAddresses, Transport};
use netcode_std::Link;
use netcode_std::core::bridge::{Fragmenter, MAX_FRAGMENT_BYTES, MessageKind, Reassembler};

use super::browser::{Browser, Visit};

/// One session for each server that the client tries, as in a browser.
pub(crate) struct BrowserLink {
    transport: Transport,
    bridge: BridgeAddresses,
    session: Option<(SocketAddr, Browser)>,
    waiting: Option<Vec<u8>>,
    fragmenter: Fragmenter,
    reassembler: Reassembler,
    origin: Instant,
    /// Datagrams that travelled in two pieces, there and back.
    pub(crate) in_pieces: [u32; 2],
}

impl BrowserLink {
    pub(crate) fn new(transport: Transport, bridge: &BridgeAddresses) -> Self {
        Self {
            transport,
            bridge: bridge.clone(),
            session: None,
            waiting: None,
            fragmenter: Fragmenter::new(),
            reassembler: Reassembler::new(),
            origin: Instant::now(),
            in_pieces: [0; 2],
        }
    }

    fn take(&mut self, limit: Duration) -> Option<Vec<u8>> {
        let (_, session) = self.session.as_ref()?;
        self.waiting.take().or_else(|| session.receive(limit))
    }
}

impl Link for BrowserLink {
    fn turn(&mut self, _now: Instant) {}

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        while let Some(message) = self.take(Duration::ZERO) {
            let (server, _) = self.session.as_ref().unwrap();
            let datagram = match MessageKind::of(&message) {
                Some(MessageKind::Datagram) => &message[..],
                Some(MessageKind::Fragment) => {
                    let micros = self.origin.elapsed().as_micros();
                    let now =
                        netcode_std::core::Instant::from_micros(u64::try_from(micros).unwrap());
                    match self.reassembler.insert(now, &message) {
                        Ok(Some(datagram)) => {
                            self.in_pieces[1] += 1;
                            datagram
                        }
                        _ => continue,
                    }
                }
                _ => continue,
            };
            buffer[..datagram.len()].copy_from_slice(datagram);
            return Ok(Some((datagram.len(), *server)));
        }
        Ok(None)
    }

    fn send(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        if self
            .session
            .as_ref()
            .is_none_or(|(server, _)| *server != to)
        {
            let visit = Visit::new(self.transport, &self.bridge, to);
            self.session = Some((to, Browser::open(visit)));
        }
        let (_, session) = self.session.as_ref().unwrap();
        // Until it is open, only requests are sent: they are short enough for any.
        if datagram.len() <= session.most().unwrap_or(1200) {
            session.send(datagram);
            return Ok(());
        }
        let mut out = [[0; MAX_FRAGMENT_BYTES]; 2];
        for piece in self.fragmenter.split(datagram, &mut out).unwrap() {
            session.send(piece);
        }
        self.in_pieces[0] += 1;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<()> {
        if self.waiting.is_none() {
            self.waiting = self.take(timeout);
        }
        Ok(())
    }

    fn local_addresses(&self) -> Vec<SocketAddr> {
        Vec::new()
    }
}
