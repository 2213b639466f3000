//! Interrupts of the chip: none is enabled. `cortex-m-rt`'s own table is for the most that a
//! Cortex-M3 can have, and takes 784 bytes more.

use crate::board::INTERRUPTS;

// SAFETY: `cortex-m-rt` defines the function, with this signature.
unsafe extern "C" {
    /// Handler of interrupts that have none of their own.
    fn DefaultHandler();
}

// SAFETY: `cortex-m-rt`, with its feature `device`, leaves this symbol and section to the program,
// and puts them where the processor looks for interrupt handlers.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [unsafe extern "C" fn(); INTERRUPTS] = [DefaultHandler; INTERRUPTS];
