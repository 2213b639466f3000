//! Network cards of embassy-net's on one wire. It loses frames by a seeded generator, and can be
//! cut.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};

use netcode_smoltcp::embassy::embassy_net::driver::{
    Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const FRAME_BYTES: usize = 1514;

pub struct Wire {
    pub loss: f64,
    cut: bool,
    rng: StdRng,
    ports: Vec<Port>,
}

#[derive(Default)]
struct Port {
    frames: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
    /// Without power: nothing reaches it, and nothing comes from it.
    dead: bool,
}

impl Port {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

pub type SharedWire = Rc<RefCell<Wire>>;

pub fn wire() -> SharedWire {
    Rc::new(RefCell::new(Wire {
        loss: 0.0,
        cut: false,
        rng: StdRng::seed_from_u64(1),
        ports: vec![],
    }))
}

impl Wire {
    /// Cuts the wire: the cards see it, and nothing passes.
    pub fn cut(&mut self) {
        self.cut = true;
        self.ports.iter().for_each(Port::wake);
    }

    pub fn mend(&mut self) {
        self.cut = false;
        self.ports.iter().for_each(Port::wake);
    }

    /// Takes a card's power; they are counted from 0, as they were made.
    pub fn kill(&mut self, port: usize) {
        self.ports[port].dead = true;
    }

    /// Puts a forged frame on the wire; it reaches every port.
    pub fn inject(&mut self, frame: &[u8]) {
        self.carry(usize::MAX, frame);
    }

    /// Carries a frame to every port but the one it came from.
    fn carry(&mut self, from: usize, frame: &[u8]) {
        for at in (0..self.ports.len()).filter(|&at| at != from) {
            let dead = |port: usize| self.ports.get(port).is_some_and(|port| port.dead);
            if self.cut || dead(from) || dead(at) || self.rng.random_bool(self.loss) {
                continue;
            }
            self.ports[at].frames.push_back(frame.to_vec());
            self.ports[at].wake();
        }
    }
}

/// A network card on the wire.
pub struct Card {
    wire: SharedWire,
    port: usize,
}

impl Card {
    pub fn new(wire: &SharedWire) -> Self {
        let port = wire.borrow().ports.len();
        wire.borrow_mut().ports.push(Port::default());
        Self {
            wire: Rc::clone(wire),
            port,
        }
    }
}

pub struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(&mut self.0)
    }
}

pub struct Sending<'c>(&'c Card);

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.wire.borrow_mut().carry(self.0.port, &frame);
        result
    }
}

impl Driver for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Received, Sending<'_>)> {
        let frame = {
            let mut wire = self.wire.borrow_mut();
            let port = &mut wire.ports[self.port];
            port.waker = Some(context.waker().clone());
            port.frames.pop_front()?
        };
        Some((Received(frame), Sending(self)))
    }

    fn transmit(&mut self, _context: &mut Context<'_>) -> Option<Sending<'_>> {
        Some(Sending(self))
    }

    fn link_state(&mut self, context: &mut Context<'_>) -> LinkState {
        let mut wire = self.wire.borrow_mut();
        wire.ports[self.port].waker = Some(context.waker().clone());
        if wire.cut {
            LinkState::Down
        } else {
            LinkState::Up
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME_BYTES;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        let port = u8::try_from(self.port).unwrap();
        HardwareAddress::Ethernet([2, 0, 0, 0, 0, port])
    }
}
