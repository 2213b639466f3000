//! Devices on the wire: a network card, an interface, sockets.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::socket::udp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use super::frames::hardware;

/// Frames that wait for one card, at most.
pub const MOST_FRAMES: usize = 64;

/// Network card: frames that arrived, frames to send.
pub struct Card {
    arrived: VecDeque<Vec<u8>>,
    pub sent: Vec<Vec<u8>>,
    /// `true` if checksums are neither computed nor checked, so that changed frames get in.
    trusting: bool,
}

pub struct Arrived(Vec<u8>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub struct Sending<'c>(&'c mut Vec<Vec<u8>>);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let result = write(&mut frame);
        if self.0.len() < MOST_FRAMES {
            self.0.push(frame);
        }
        result
    }
}

pub fn checksums(trusting: bool) -> ChecksumCapabilities {
    let mut checksums = ChecksumCapabilities::default();
    if trusting {
        checksums.ipv4 = Checksum::None;
        checksums.udp = Checksum::None;
    }
    checksums
}

impl Device for Card {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Sending<'_>)> {
        let frame = self.arrived.pop_front()?;
        Some((Arrived(frame), Sending(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities.checksum = checksums(self.trusting);
        capabilities
    }
}

/// Interface, card and sockets of one device.
pub struct Node {
    pub iface: Interface,
    pub card: Card,
    pub sockets: SocketSet<'static>,
}

impl Node {
    pub fn new(number: u8, trusting: bool) -> Self {
        let mut card = Card {
            arrived: VecDeque::new(),
            sent: Vec::new(),
            trusting,
        };
        let address = HardwareAddress::Ethernet(hardware(number));
        let mut iface = Interface::new(Config::new(address), &mut card, Instant::ZERO);
        iface.update_ip_addrs(|list| {
            let ours = Ipv4Addr::new(10, 0, 0, number);
            let _ = list.push(IpCidr::new(ours.into(), 8));
            let ours = std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into());
            let _ = list.push(IpCidr::new(ours.into(), 64));
        });
        Self {
            iface,
            card,
            sockets: SocketSet::new(vec![]),
        }
    }

    pub fn socket(&mut self, rx: (usize, usize), tx: (usize, usize)) -> SocketHandle {
        let buffer = |(bytes, packets)| {
            udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; packets], vec![0; bytes])
        };
        self.sockets.add(udp::Socket::new(buffer(rx), buffer(tx)))
    }

    pub fn bind(&mut self, handle: SocketHandle, port: u16) {
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(handle);
        socket.bind(port).expect("a port and a new socket");
    }

    pub fn ingress(&mut self, now: Instant) {
        self.iface.poll(now, &mut self.card, &mut self.sockets);
    }

    pub fn egress(&mut self, now: Instant) {
        self.iface
            .poll_egress(now, &mut self.card, &mut self.sockets);
    }

    pub fn arrive(&mut self, frame: &[u8]) {
        if self.card.arrived.len() < MOST_FRAMES {
            self.card.arrived.push_back(frame.to_vec());
        }
    }
}
