//! An interface with UDP sockets, everything in statics.

use core::net::SocketAddrV4;

use netcode_smoltcp::{
    CLIENT_RX_MIN_BYTES, CLIENT_RX_MIN_PACKETS, CLIENT_TX_BYTES, CLIENT_TX_PACKETS, MIN_IPV4_MTU,
    REPLY_TX_BYTES, REPLY_TX_PACKETS, SESSION_TX_BYTES, SESSION_TX_PACKETS, server_rx_bytes,
    server_rx_packets, server_sockets,
};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp;
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket};
use smoltcp::time::Instant;
use smoltcp::wire::{IpCidr, Ipv4Address};

use crate::board::{self, Card};
use crate::clock;
use crate::net::FRAME_BYTES;
use crate::provision;

// smoltcp silently drops packets longer than the card's frames.
const _: () = assert!(FRAME_BYTES >= ETHERNET_HEADER_BYTES + MIN_IPV4_MTU);
const ETHERNET_HEADER_BYTES: usize = 14;

/// A socket's buffers: all zeros, so that they cost no flash.
pub struct SocketBytes<const RX: usize, const TX: usize> {
    rx: [u8; RX],
    tx: [u8; TX],
}

impl<const RX: usize, const TX: usize> SocketBytes<RX, TX> {
    pub const fn new() -> Self {
        Self {
            rx: [0; RX],
            tx: [0; TX],
        }
    }
}

/// The entries that say which datagram lies where in them. Empty ones are not all zeros: made at
/// the start, they cost no flash.
pub struct SocketPackets<const RX: usize, const TX: usize> {
    rx: [PacketMetadata; RX],
    tx: [PacketMetadata; TX],
}

impl<const RX: usize, const TX: usize> SocketPackets<RX, TX> {
    pub const fn new() -> Self {
        Self {
            rx: [PacketMetadata::EMPTY; RX],
            tx: [PacketMetadata::EMPTY; TX],
        }
    }
}

/// Buffers of a client's socket: [`Network::receive`] reads one frame at a time.
pub type ClientBytes = SocketBytes<CLIENT_RX_MIN_BYTES, CLIENT_TX_BYTES>;
/// Packet metadata of a client's socket.
pub type ClientPackets = SocketPackets<CLIENT_RX_MIN_PACKETS, CLIENT_TX_PACKETS>;

/// Frames received between two transmissions. A flood never leaves the card empty: a loop that
/// waited for that would neither answer nor see time pass.
pub const FRAMES_A_TURN: usize = 4;

/// Client slots of the hub.
pub const SLOTS: usize = 4;

/// Sockets of the hub.
pub const HUB_SOCKETS: usize = server_sockets(SLOTS);

/// Buffers of the hub's sockets: one that receives and replies, and one for each client.
pub struct HubBytes {
    first: SocketBytes<{ server_rx_bytes(SLOTS) }, REPLY_TX_BYTES>,
    sessions: [SocketBytes<0, SESSION_TX_BYTES>; SLOTS],
}

impl HubBytes {
    pub const fn new() -> Self {
        Self {
            first: SocketBytes::new(),
            sessions: [const { SocketBytes::new() }; SLOTS],
        }
    }
}

/// Packet metadata of the hub's sockets.
pub struct HubPackets {
    first: SocketPackets<{ server_rx_packets(SLOTS) }, REPLY_TX_PACKETS>,
    sessions: [SocketPackets<0, SESSION_TX_PACKETS>; SLOTS],
}

impl HubPackets {
    pub const fn new() -> Self {
        Self {
            first: SocketPackets::new(),
            sessions: [const { SocketPackets::new() }; SLOTS],
        }
    }
}

/// A socket in static memory.
pub fn socket<const A: usize, const B: usize, const C: usize, const D: usize>(
    bytes: &'static mut SocketBytes<A, B>,
    packets: &'static mut SocketPackets<C, D>,
) -> Socket<'static> {
    Socket::new(
        PacketBuffer::new(&mut packets.rx[..], &mut bytes.rx[..]),
        PacketBuffer::new(&mut packets.tx[..], &mut bytes.tx[..]),
    )
}

/// The card, the interface on it, and the sockets.
pub struct Network {
    card: &'static mut Card,
    iface: Interface,
    pub sockets: SocketSet<'static>,
}

impl Network {
    /// Brings the card up with a fixed address. `storage` is for as many sockets as will be added.
    pub fn start(
        card: &'static mut Card,
        address: IpCidr,
        gateway: Option<Ipv4Address>,
        storage: &'static mut [SocketStorage<'static>],
    ) -> Self {
        let mut config = Config::new(board::MAC.into());
        // Of TCP's sequences. A device without randomness asks for no token, so has no TCP.
        config.random_seed = provision::random().map_or(0, u64::from_le_bytes);
        let mut iface = Interface::new(config, card, clock::now());
        // There is room for one address and one route, and this is the first of each.
        iface.update_ip_addrs(|addresses| {
            let _ = addresses.push(address);
        });
        if let Some(gateway) = gateway {
            let _ = iface.routes_mut().add_default_ipv4_route(gateway);
        }
        Self {
            card,
            iface,
            sockets: SocketSet::new(storage),
        }
    }

    /// Adds a socket and binds it.
    pub fn bind(&mut self, mut socket: Socket<'static>, port: u16) -> SocketHandle {
        // The port is not 0 and the socket is new.
        let _ = socket.bind(port);
        self.sockets.add(socket)
    }

    /// Adds the hub's sockets: the one that receives first, since the first of a port is handed
    /// what arrives.
    pub fn bind_hub(
        &mut self,
        bytes: &'static mut HubBytes,
        packets: &'static mut HubPackets,
        port: u16,
    ) -> [SocketHandle; HUB_SOCKETS] {
        let first = self.bind(socket(&mut bytes.first, &mut packets.first), port);
        let mut handles = [first; HUB_SOCKETS];
        let sessions = bytes.sessions.iter_mut().zip(&mut packets.sessions);
        for (handle, (bytes, packets)) in handles.iter_mut().skip(1).zip(sessions) {
            *handle = self.sockets.add(socket(bytes, packets));
        }
        handles
    }

    /// Has a TCP socket connect from a port of this device.
    pub fn connect(
        &mut self,
        socket: &mut tcp::Socket<'_>,
        to: SocketAddrV4,
        from_port: u16,
    ) -> Result<(), tcp::ConnectError> {
        socket.connect(self.iface.context(), to, from_port)
    }

    /// Takes in a few frames for other sockets than its own, and sends what waits; true if the card
    /// has no more.
    pub fn exchange(&mut self, now: Instant, sockets: &mut SocketSet<'_>) -> bool {
        use smoltcp::iface::PollIngressSingleResult::None;
        let (iface, card) = (&mut self.iface, &mut *self.card);
        let idle = (0..FRAMES_A_TURN)
            .any(|_| matches!(iface.poll_ingress_single(now, card, sockets), None));
        iface.poll_egress(now, card, sockets);
        idle
    }

    /// Takes in one frame; false if there was none. One at a time, so that the socket can be
    /// emptied in between: what does not fit its buffer is lost.
    pub fn receive(&mut self, now: Instant) -> bool {
        use smoltcp::iface::PollIngressSingleResult::None;
        let result = self
            .iface
            .poll_ingress_single(now, self.card, &mut self.sockets);
        !matches!(result, None)
    }

    /// Sends what waits.
    pub fn send(&mut self, now: Instant) {
        self.iface.poll_egress(now, self.card, &mut self.sockets);
    }
}
