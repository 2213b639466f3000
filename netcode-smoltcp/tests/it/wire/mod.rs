//! Two or more smoltcp interfaces on one wire, on virtual time. The wire loses, delays and
//! reorders frames by a seeded generator, and can be cut.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use netcode_smoltcp::smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use netcode_smoltcp::smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use netcode_smoltcp::smoltcp::socket::udp;
use netcode_smoltcp::smoltcp::time::{Duration, Instant};
use netcode_smoltcp::smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A wire between network cards: loss, latency, jitter.
pub(crate) struct Wire {
    pub(crate) loss: f64,
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
    /// Longest frame of the cards, Ethernet's header included.
    mtu: usize,
    /// Nothing passes.
    pub(crate) cut: bool,
    rng: StdRng,
    frames: u64,
    /// Frames in flight to each port, by arrival.
    ports: Vec<BTreeMap<(Instant, u64), Vec<u8>>>,
}

pub(crate) type SharedWire = Rc<RefCell<Wire>>;

pub(crate) fn wire() -> SharedWire {
    wire_of(1514)
}

/// A wire whose cards carry `mtu` bytes in one piece.
pub(crate) fn wire_of(mtu: usize) -> SharedWire {
    Rc::new(RefCell::new(Wire {
        loss: 0.0,
        latency: Duration::from_millis(1),
        jitter: Duration::ZERO,
        mtu,
        cut: false,
        rng: StdRng::seed_from_u64(1),
        frames: 0,
        ports: Vec::new(),
    }))
}

impl Wire {
    /// Puts a forged frame on the wire; it reaches every port.
    pub(crate) fn inject(&mut self, now: Instant, frame: &[u8]) {
        self.carry(usize::MAX, now, frame);
    }

    /// Carries a frame to every port but the one it came from.
    fn carry(&mut self, from: usize, now: Instant, frame: &[u8]) {
        for port in (0..self.ports.len()).filter(|&port| port != from) {
            if self.cut || self.rng.random_bool(self.loss) {
                continue;
            }
            let jitter = self.jitter.total_micros();
            let extra = if jitter > 0 {
                self.rng.random_range(0..jitter)
            } else {
                0
            };
            let arrival = now + self.latency + Duration::from_micros(extra);
            self.frames += 1;
            self.ports[port].insert((arrival, self.frames), frame.to_vec());
        }
    }
}

/// A network card on the wire.
pub(crate) struct Card {
    wire: SharedWire,
    port: usize,
    medium: Medium,
}

pub(crate) struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub(crate) struct Sending<'c>(&'c Card, Instant);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.wire.borrow_mut().carry(self.0.port, self.1, &frame);
        result
    }
}

impl Device for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, now: Instant) -> Option<(Received, Sending<'_>)> {
        let frame = {
            let mut wire = self.wire.borrow_mut();
            let entry = wire.ports[self.port].first_entry()?;
            if entry.key().0 > now {
                return None;
            }
            entry.remove()
        };
        Some((Received(frame), Sending(self, now)))
    }

    fn transmit(&mut self, now: Instant) -> Option<Sending<'_>> {
        Some(Sending(self, now))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = self.medium;
        capabilities.max_transmission_unit = self.wire.borrow().mtu;
        capabilities
    }
}

/// A device on the wire: an interface, and sockets.
pub(crate) struct Node {
    pub(crate) iface: Interface,
    pub(crate) card: Card,
    pub(crate) sockets: SocketSet<'static>,
}

/// Bytes and entries of a socket's two buffers.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) rx: (usize, usize),
    pub(crate) tx: (usize, usize),
}

impl Node {
    pub(crate) fn new(wire: &SharedWire, medium: Medium, addresses: &[IpCidr]) -> Self {
        let port = wire.borrow().ports.len();
        wire.borrow_mut().ports.push(BTreeMap::new());
        let mut card = Card {
            wire: Rc::clone(wire),
            port,
            medium,
        };
        let hardware = match medium {
            Medium::Ip => HardwareAddress::Ip,
            _ => EthernetAddress([2, 0, 0, 0, 0, u8::try_from(port).unwrap()]).into(),
        };
        let mut iface = Interface::new(Config::new(hardware), &mut card, Instant::ZERO);
        iface.update_ip_addrs(|list| list.extend(addresses.iter().copied()));
        Self {
            iface,
            card,
            sockets: SocketSet::new(vec![]),
        }
    }

    pub(crate) fn udp(&mut self, port: u16, sizes: Sizes) -> SocketHandle {
        let handle = self.unbound(sizes);
        let socket = self.sockets.get_mut::<udp::Socket<'_>>(handle);
        socket.bind(port).unwrap();
        handle
    }

    pub(crate) fn unbound(&mut self, sizes: Sizes) -> SocketHandle {
        let buffer = |(bytes, packets)| {
            udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; packets], vec![0; bytes])
        };
        let socket = udp::Socket::new(buffer(sizes.rx), buffer(sizes.tx));
        self.sockets.add(socket)
    }

    /// Forgets all hardware addresses.
    pub(crate) fn forget_neighbours(&mut self) {
        self.iface.update_ip_addrs(|_| {});
    }

    pub(crate) fn ingress(&mut self, now: Instant) {
        self.iface.poll(now, &mut self.card, &mut self.sockets);
    }

    pub(crate) fn egress(&mut self, now: Instant) {
        self.iface
            .poll_egress(now, &mut self.card, &mut self.sockets);
    }
}
