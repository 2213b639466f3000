//! Stellaris LM3S6965 evaluation kit: Cortex-M3, 256 KiB of flash, 64 KiB of RAM, Ethernet MAC
//! and PHY on the chip.

use smoltcp::wire::EthernetAddress;

use crate::net::registers::Registers;
use crate::net::stellaris::Stellaris;

/// The core's clock out of reset under emulation. On the kit, the internal oscillator's 12 MHz.
pub const CLOCK_HZ: u32 = 12_500_000;

/// Interrupts of the chip (data sheet, table *Interrupts*).
pub const INTERRUPTS: usize = 44;

/// Locally administered. A product has one of its own.
pub const MAC: EthernetAddress = EthernetAddress([0x02, 0, 0, 0x65, 0x96, 0x01]);

pub type Card = Stellaris;

/// The chip's network card. Call it once.
pub fn card() -> Card {
    Stellaris::start(MAC)
}

/// LED 1, on pin 0 of port F (data sheet, chapter *General-Purpose Input/Outputs*).
pub struct Led {
    port: Registers,
    on: bool,
}

/// Bit 0 alone: the address masks the bits.
const PORT_F_PIN_0: usize = 1 << 2;
const PORT_F_DIRECTION: usize = 0x400;
const PORT_F_DIGITAL: usize = 0x51c;
const CLOCK_GATES_2: usize = 0x108;

/// The board's LED. Call it once.
pub fn led() -> Led {
    // SAFETY: system control and port F are there on the LM3S6965, and nothing else here uses
    // either.
    let (mut system, mut port) =
        unsafe { (Registers::at(0x400f_e000), Registers::at(0x4002_5000)) };
    system.write(CLOCK_GATES_2, system.read(CLOCK_GATES_2) | 1 << 5);
    port.write(PORT_F_DIRECTION, 1);
    port.write(PORT_F_DIGITAL, 1);
    Led { port, on: false }
}

impl Led {
    pub fn toggle(&mut self) {
        self.on = !self.on;
        self.port.write(PORT_F_PIN_0, u32::from(self.on));
    }
}

/// Measurement of the sensor: here ticks of the clock.
pub fn measure() -> u32 {
    crate::clock::ticks()
}
