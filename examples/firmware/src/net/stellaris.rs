//! The Ethernet controller of Stellaris LM3S6965 (data sheet, chapter *Ethernet Controller*).
//!
//! | offset | register | used for |
//! | --- | --- | --- |
//! | 0x000 | MACRIS | bit 0: a frame waits |
//! | 0x004 | MACIM | interrupts: none, the card is polled |
//! | 0x008 | MACRCTL | bit 0: receive; bit 1: multicast; bit 3: reject bad checksums; bit 4: empty the FIFO |
//! | 0x00c | MACTCTL | bit 0: transmit; bit 1: pad; bit 2: add the checksum; bit 4: full duplex |
//! | 0x010 | MACDATA | both FIFOs, a word at a time |
//! | 0x014, 0x018 | MACIA0, MACIA1 | our address, four bytes and two |
//! | 0x034 | MACNP | frames in the receive FIFO |
//! | 0x038 | MACTR | bit 0: send what is in the transmit FIFO; reads as 1 until it is sent |
//!
//! A received frame is: length (two bytes; itself and the checksum are counted), frame, checksum,
//! padding to a word. A frame to send is: length without the 14-byte header (two bytes), frame,
//! padding.

use smoltcp::phy::{self, Device, DeviceCapabilities};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use super::FRAME_BYTES;
use super::registers::Registers;

const BASE: usize = 0x4004_8000;
const INTERRUPT_MASK: usize = 0x004;
const RECEIVE_CONTROL: usize = 0x008;
const TRANSMIT_CONTROL: usize = 0x00c;
const DATA: usize = 0x010;
const ADDRESS_LOW: usize = 0x014;
const ADDRESS_HIGH: usize = 0x018;
const FRAMES_WAITING: usize = 0x034;
const TRANSMIT_REQUEST: usize = 0x038;

const HEADER_BYTES: usize = 14;
const LENGTH_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 4;

pub struct Stellaris {
    transmitter: Transmitter,
    received: [u8; FRAME_BYTES],
}

pub struct Transmitter {
    registers: Registers,
    frame: [u8; FRAME_BYTES],
}

impl Stellaris {
    pub fn start(address: EthernetAddress) -> Self {
        // SAFETY: the LM3S6965 has its Ethernet controller there, and this is the only owner:
        // `board::card` is called once.
        let mut registers = unsafe { Registers::at(BASE) };
        let [a, b, c, d, e, f] = address.0;
        registers.write(INTERRUPT_MASK, 0);
        registers.write(ADDRESS_LOW, u32::from_le_bytes([a, b, c, d]));
        registers.write(ADDRESS_HIGH, u32::from_le_bytes([e, f, 0, 0]));
        registers.write(RECEIVE_CONTROL, 0b1_0000);
        registers.write(TRANSMIT_CONTROL, 0b1_0111);
        registers.write(RECEIVE_CONTROL, 0b0_1011);
        Self {
            transmitter: Transmitter {
                registers,
                frame: [0; FRAME_BYTES],
            },
            received: [0; FRAME_BYTES],
        }
    }

    /// Takes the next frame out of the FIFO; gives its length.
    fn take(&mut self) -> Option<usize> {
        let registers = &self.transmitter.registers;
        if registers.read(FRAMES_WAITING) == 0 {
            return None;
        }
        let first = registers.read(DATA).to_le_bytes();
        let total = usize::from(u16::from_le_bytes([first[0], first[1]]));
        // The length stands in front of the frame, so the frame begins in the middle of a word.
        let words = total.div_ceil(4).saturating_sub(1);
        let rest = (0..words).flat_map(|_| registers.read(DATA).to_le_bytes());
        let mut kept = self.received.iter_mut();
        // A frame that is too long is read to its end all the same, or its rest would be taken
        // for the next.
        for byte in [first[2], first[3]].into_iter().chain(rest) {
            if let Some(place) = kept.next() {
                *place = byte;
            }
        }
        let len = total.saturating_sub(LENGTH_BYTES + CHECKSUM_BYTES);
        (len <= FRAME_BYTES).then_some(len)
    }
}

impl Transmitter {
    fn send(&mut self, len: usize) {
        let data = u16::try_from(len.saturating_sub(HEADER_BYTES)).unwrap_or(0);
        let [low, high] = data.to_le_bytes();
        let frame = &self.frame;
        let byte = |at: usize| frame.get(at).copied().filter(|_| at < len).unwrap_or(0);
        let first = u32::from_le_bytes([low, high, byte(0), byte(1)]);
        self.registers.write(DATA, first);
        for at in (2..len).step_by(4) {
            let word = [byte(at), byte(at + 1), byte(at + 2), byte(at + 3)];
            self.registers.write(DATA, u32::from_le_bytes(word));
        }
        self.registers.write(TRANSMIT_REQUEST, 1);
        // There is one transmit FIFO: wait until it is empty, at most a frame's time on the wire.
        while self.registers.read(TRANSMIT_REQUEST) & 1 != 0 {}
    }
}

impl Device for Stellaris {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Sending<'_>)> {
        let len = self.take()?;
        let frame = self.received.get(..len)?;
        Some((Received(frame), Sending(&mut self.transmitter)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.transmitter))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        super::ethernet()
    }
}

pub struct Received<'c>(&'c [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub struct Sending<'c>(&'c mut Transmitter);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let len = len.min(FRAME_BYTES);
        let result = f(&mut self.0.frame[..len]);
        self.0.send(len);
        result
    }
}
