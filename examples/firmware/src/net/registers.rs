//! A card's registers: a block of 32-bit words at a fixed address.

/// A block of registers that exists on the board.
pub struct Registers(usize);

impl Registers {
    /// # Safety
    /// There is a device at `base` on this board, every offset that is read or written below is a
    /// register of it, and nothing else in the program touches it.
    pub const unsafe fn at(base: usize) -> Self {
        Self(base)
    }

    pub fn read(&self, offset: usize) -> u32 {
        // SAFETY: `at` was promised that this is a register; reading one has no effect on memory.
        unsafe { ((self.0 + offset) as *const u32).read_volatile() }
    }

    pub fn write(&mut self, offset: usize, value: u32) {
        // SAFETY: `at` was promised that this is a register and that it is ours alone; the cards
        // here have no access to memory, so what is written changes nothing but the card.
        unsafe { ((self.0 + offset) as *mut u32).write_volatile(value) }
    }
}
