//! The bridge in the path of some clients: its rules, without its transports.
//!
//! A session of a client is a path of its own: datagrams longer than it carries travel as two
//! fragments, and the server sees the bridge's address.

use std::net::SocketAddr;

use netcode_core::Instant;
use netcode_core::bridge::{
    FragmentError, Fragmenter, MAX_FRAGMENT_BYTES, MessageKind, Reassembler,
};

use crate::backend::EPOCH;
use crate::coverage::Coverage;
use crate::ground::Ground;
use crate::network::{Flight, Leg};
use crate::plan::SECOND;
use crate::wire;

/// One end of a session.
struct End {
    out: Fragmenter,
    incoming: Reassembler,
}

impl End {
    fn new() -> Self {
        Self {
            out: Fragmenter::new(),
            incoming: Reassembler::new(),
        }
    }

    /// Messages that carry a datagram over a session of this limit.
    fn split(&mut self, datagram: &[u8], limit: usize, coverage: &mut Coverage) -> Vec<Vec<u8>> {
        if datagram.len() <= limit {
            return vec![datagram.to_vec()];
        }
        coverage.note("bridge: two fragments");
        let mut out = [[0; MAX_FRAGMENT_BYTES]; 2];
        let halves = self.out.split(datagram, &mut out).into_iter().flatten();
        halves.map(<[u8]>::to_vec).collect()
    }

    /// Datagram that a message carries or completes.
    fn join(&mut self, time: u64, message: &[u8], coverage: &mut Coverage) -> Option<Vec<u8>> {
        match MessageKind::of(message)? {
            MessageKind::Datagram => Some(message.to_vec()),
            MessageKind::Fragment => {
                match self.incoming.insert(Instant::from_micros(time), message) {
                    Ok(whole) => {
                        let whole = whole?.to_vec();
                        coverage.note("bridge: reassembled");
                        Some(whole)
                    }
                    Err(error) => {
                        coverage.note(match error {
                            FragmentError::Malformed => "bridge: fragment Malformed",
                            FragmentError::Duplicate => "bridge: fragment Duplicate",
                            _ => "bridge: fragment Mismatch",
                        });
                        None
                    }
                }
            }
            _ => None,
        }
    }
}

/// Session of one client, both ends.
pub(crate) struct BridgeSession {
    client: usize,
    limit: usize,
    /// The bridge's socket for this session.
    pub(crate) socket: SocketAddr,
    /// Server of the session, by its path.
    server: Option<SocketAddr>,
    /// A well-formed connection request has opened the session.
    admitted: bool,
    page: End,
    bridge: End,
}

impl BridgeSession {
    pub(crate) fn new(client: usize, number: u16, limit: usize) -> Self {
        Self {
            client,
            limit,
            socket: (
                [172, 16, 0, u8::try_from(client).unwrap_or(0)],
                60_000 + number,
            )
                .into(),
            server: None,
            admitted: false,
            page: End::new(),
            bridge: End::new(),
        }
    }

    /// The client sends a datagram to a server.
    pub(crate) fn send(
        &mut self,
        g: &mut Ground,
        from: SocketAddr,
        server: SocketAddr,
        datagram: &[u8],
    ) {
        if self.server != Some(server) {
            // Another server is another session, over the same socket here.
            self.server = Some(server);
            self.admitted = false;
        }
        for bytes in self.page.split(datagram, self.limit, &mut g.coverage) {
            let leg = Leg::ToBridge(self.client);
            let to = self.socket;
            g.network.launch(
                g.time,
                Flight {
                    from,
                    to,
                    leg,
                    bytes,
                },
            );
        }
    }

    /// A message of the client has arrived at the bridge.
    pub(crate) fn up(&mut self, g: &mut Ground, message: &[u8]) {
        g.network.count.landed += 1;
        let Some(datagram) = self.bridge.join(g.time, message, &mut g.coverage) else {
            return;
        };
        self.admitted |= is_request(&datagram, EPOCH + g.time / SECOND);
        if let Some(server) = self.server.filter(|_| self.admitted) {
            g.launch(self.socket, server, &datagram);
        }
    }

    /// A datagram has arrived at the bridge's socket.
    pub(crate) fn down(
        &mut self,
        g: &mut Ground,
        from: SocketAddr,
        datagram: &[u8],
        client: SocketAddr,
    ) {
        g.network.count.landed += 1;
        if self.server != Some(from) {
            return;
        }
        for bytes in self.bridge.split(datagram, self.limit, &mut g.coverage) {
            let leg = Leg::FromBridge(self.client);
            let flight = Flight {
                from: self.socket,
                to: client,
                leg,
                bytes,
            };
            g.network.launch(g.time, flight);
        }
    }

    /// A message of the bridge has arrived at the client: the datagram it completes and its server.
    pub(crate) fn receive(
        &mut self,
        g: &mut Ground,
        message: &[u8],
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let datagram = self.page.join(g.time, message, &mut g.coverage)?;
        Some((self.server?, datagram))
    }
}

fn is_request(datagram: &[u8], today: u64) -> bool {
    let Ok(request) = <&[u8; wire::REQUEST_BYTES]>::try_from(datagram) else {
        return false;
    };
    let expires: [u8; 8] = request[22..30].try_into().unwrap_or_default();
    request[0] == wire::REQUEST
        && request[1..14] == *wire::VERSION
        && u64::from_le_bytes(expires) > today
}
