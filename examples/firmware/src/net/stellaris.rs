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

/// Whole words of a FIFO: a length, and the longest frame.
type Words = [u8; (LENGTH_BYTES + FRAME_BYTES).next_multiple_of(4)];
const EMPTY: Words = [0; (LENGTH_BYTES + FRAME_BYTES).next_multiple_of(4)];

pub struct Stellaris {
    transmitter: Transmitter,
    received: Words,
}

pub struct Transmitter {
    registers: Registers,
    sent: Words,
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
                sent: EMPTY,
            },
            received: EMPTY,
        }
    }

    /// Takes the next frame out of the FIFO.
    fn take(&mut self) -> Option<usize> {
        let registers = &self.transmitter.registers;
        if registers.read(FRAMES_WAITING) == 0 {
            return None;
        }
        let mut word = registers.read(DATA).to_le_bytes();
        let total = usize::from(u16::from_le_bytes([word[0], word[1]]));
        let mut places = self.received.chunks_exact_mut(4);
        // A frame that is too long is read to its end all the same, or its rest would be taken
        // for the next.
        for left in (0..total.div_ceil(4).max(1)).rev() {
            if let Some(place) = places.next() {
                place.copy_from_slice(&word);
            }
            if left > 0 {
                word = registers.read(DATA).to_le_bytes();
            }
        }
        let len = total.saturating_sub(LENGTH_BYTES + CHECKSUM_BYTES);
        (len <= FRAME_BYTES).then_some(len)
    }
}

impl Transmitter {
    /// Sends a frame of `len` bytes, which lie behind the room for the length.
    fn send(&mut self, len: usize) {
        let data = u16::try_from(len.saturating_sub(HEADER_BYTES)).unwrap_or(0);
        let (length, frame) = self.sent.split_at_mut(LENGTH_BYTES);
        length.copy_from_slice(&data.to_le_bytes());
        // The last word's padding.
        frame
            .iter_mut()
            .skip(len)
            .take(3)
            .for_each(|byte| *byte = 0);
        let words = (LENGTH_BYTES + len).div_ceil(4);
        for word in self.sent.chunks_exact(4).take(words) {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(word);
            self.registers.write(DATA, u32::from_le_bytes(bytes));
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
        let frame = self.received.get(LENGTH_BYTES..)?.get(..len)?;
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
        let result = f(&mut self.0.sent[LENGTH_BYTES..][..len]);
        self.0.send(len);
        result
    }
}
