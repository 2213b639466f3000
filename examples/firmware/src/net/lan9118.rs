//! The SMSC LAN9118 Ethernet controller (data sheet, chapter *Register Description*).
//!
//! | offset | register | used for |
//! | --- | --- | --- |
//! | 0x00 | RX_DATA_FIFO | received frames, a word at a time, checksum behind each |
//! | 0x20 | TX_DATA_FIFO | frames to send, two command words in front of each |
//! | 0x40 | RX_STATUS_FIFO | bits 16 to 29: a received frame's length, checksum included |
//! | 0x48 | TX_STATUS_FIFO | taken and thrown away |
//! | 0x6c | RX_CFG | bit 15: empty the receive FIFO |
//! | 0x70 | TX_CFG | bit 1: transmit |
//! | 0x7c | RX_FIFO_INF | bits 16 to 23: frames that wait |
//! | 0x80 | TX_FIFO_INF | bits 0 to 15: bytes free; bits 16 to 23: statuses that wait |
//! | 0xa4, 0xa8 | MAC_CSR_CMD, MAC_CSR_DATA | the MAC's own registers, by number |
//!
//! Of the MAC's own: 1 is MAC_CR (bit 2: receive, bit 3: transmit), 2 and 3 the address, its high
//! two bytes and its low four.

use smoltcp::phy::{self, Device, DeviceCapabilities};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use super::FRAME_BYTES;
use super::registers::Registers;

const BASE: usize = 0x4020_0000;
const RECEIVE_DATA: usize = 0x00;
const TRANSMIT_DATA: usize = 0x20;
const RECEIVE_STATUS: usize = 0x40;
const TRANSMIT_STATUS: usize = 0x48;
const RECEIVE_CONFIG: usize = 0x6c;
const TRANSMIT_CONFIG: usize = 0x70;
const RECEIVE_INFORMATION: usize = 0x7c;
const TRANSMIT_INFORMATION: usize = 0x80;
const MAC_COMMAND: usize = 0xa4;
const MAC_DATA: usize = 0xa8;

const MAC_CONTROL: u32 = 1;
const MAC_ADDRESS_HIGH: u32 = 2;
const MAC_ADDRESS_LOW: u32 = 3;

const BUSY: u32 = 1 << 31;
const FIRST_AND_LAST_SEGMENT: u32 = 1 << 13 | 1 << 12;
const CHECKSUM_BYTES: usize = 4;

/// Whole words of a FIFO: the longest frame.
type Words = [u8; FRAME_BYTES.next_multiple_of(4)];
const EMPTY: Words = [0; FRAME_BYTES.next_multiple_of(4)];

pub struct Lan9118 {
    transmitter: Transmitter,
    received: Words,
}

pub struct Transmitter {
    registers: Registers,
    frame: Words,
}

impl Lan9118 {
    pub fn start(address: EthernetAddress) -> Self {
        // SAFETY: both MPS2 images have their LAN9118 there, and this is the only owner:
        // `board::card` is called once.
        let mut registers = unsafe { Registers::at(BASE) };
        let [a, b, c, d, e, f] = address.0;
        let mut mac = |register: u32, value: u32| {
            registers.write(MAC_DATA, value);
            registers.write(MAC_COMMAND, BUSY | register);
            while registers.read(MAC_COMMAND) & BUSY != 0 {}
        };
        mac(MAC_ADDRESS_LOW, u32::from_le_bytes([a, b, c, d]));
        mac(MAC_ADDRESS_HIGH, u32::from_le_bytes([e, f, 0, 0]));
        mac(MAC_CONTROL, 1 << 2 | 1 << 3);
        registers.write(RECEIVE_CONFIG, 1 << 15);
        registers.write(TRANSMIT_CONFIG, 1 << 1);
        Self {
            transmitter: Transmitter {
                registers,
                frame: EMPTY,
            },
            received: EMPTY,
        }
    }

    /// Takes the next frame out of the FIFO; gives its length.
    fn take(&mut self) -> Option<usize> {
        let registers = &self.transmitter.registers;
        if registers.read(RECEIVE_INFORMATION) >> 16 & 0xff == 0 {
            return None;
        }
        let status = registers.read(RECEIVE_STATUS);
        let total = usize::try_from(status >> 16 & 0x3fff).unwrap_or(0);
        let mut places = self.received.chunks_exact_mut(4);
        // A frame that is too long is read to its end all the same.
        for _ in 0..total.div_ceil(4) {
            let word = registers.read(RECEIVE_DATA).to_le_bytes();
            if let Some(place) = places.next() {
                place.copy_from_slice(&word);
            }
        }
        let len = total.saturating_sub(CHECKSUM_BYTES);
        (len <= FRAME_BYTES).then_some(len)
    }
}

impl Transmitter {
    /// `true` if a whole frame and its command words fit the FIFO.
    fn has_room(&mut self) -> bool {
        while self.registers.read(TRANSMIT_INFORMATION) >> 16 & 0xff != 0 {
            self.registers.read(TRANSMIT_STATUS);
        }
        let free = self.registers.read(TRANSMIT_INFORMATION) & 0xffff;
        usize::try_from(free).is_ok_and(|free| free >= FRAME_BYTES + 16)
    }

    fn send(&mut self, len: usize) {
        let bytes = u32::try_from(len).unwrap_or(0);
        self.registers
            .write(TRANSMIT_DATA, FIRST_AND_LAST_SEGMENT | bytes);
        self.registers.write(TRANSMIT_DATA, bytes);
        // The controller ignores what is behind the frame in its last word.
        for word in self.frame.chunks_exact(4).take(len.div_ceil(4)) {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(word);
            self.registers
                .write(TRANSMIT_DATA, u32::from_le_bytes(bytes));
        }
    }
}

impl Device for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Sending<'_>)> {
        if !self.transmitter.has_room() {
            return None;
        }
        let len = self.take()?;
        let frame = self.received.get(..len)?;
        Some((Received(frame), Sending(&mut self.transmitter)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        let room = self.transmitter.has_room();
        room.then_some(Sending(&mut self.transmitter))
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
