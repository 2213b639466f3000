//! Arm MPS2+ with the AN385 image, a Cortex-M3, or the AN386 image, a Cortex-M4: 4 MiB for code and
//! 4 MiB of RAM, a LAN9118 beside the FPGA. All that is used here lies at the same places in both.

use smoltcp::wire::EthernetAddress;

use crate::net::lan9118::Lan9118;
use crate::net::registers::Registers;

pub const CLOCK_HZ: u32 = 25_000_000;

/// Interrupts of the chip (application notes AN385 and AN386, *Interrupts*).
pub const INTERRUPTS: usize = 32;

/// Locally administered. A product has one of its own.
pub const MAC: EthernetAddress = EthernetAddress([0x02, 0, 0, 0x03, 0x85, 0x01]);

pub type Card = Lan9118;

/// The board's network card. Call it once.
pub fn card() -> Card {
    Lan9118::start(MAC)
}

/// LED 0, by the FPGA's I/O block (application notes AN385 and AN386, *FPGA system control and I/O*).
pub struct Led {
    block: Registers,
    on: bool,
}

/// The board's LED. Call it once.
pub fn led() -> Led {
    // SAFETY: both images have their I/O block there, and nothing else here uses it.
    Led {
        block: unsafe { Registers::at(0x4002_8000) },
        on: false,
    }
}

impl Led {
    pub fn toggle(&mut self) {
        self.on = !self.on;
        self.block.write(0, u32::from(self.on));
    }
}

/// Measurement of the sensor: here ticks of the clock.
pub fn measure() -> u32 {
    crate::clock::ticks()
}
