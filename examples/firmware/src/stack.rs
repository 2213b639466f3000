//! Memory use of the program: its statics, and the depth of its stack, which is painted at the
//! start and read at the end.

use core::ptr::addr_of_mut;

const PAINT: u32 = 0x5afe_57ac;

/// Words left alone below the caller's own frame while painting.
const MARGIN_WORDS: usize = 64;

unsafe extern "C" {
    /// End of the statics, from `cortex-m-rt`'s linker script; the stack grows down to it.
    static mut __sheap: u32;
    /// Begin of the statics.
    static mut __sdata: u32;
    /// Begin of the stack.
    static mut _stack_start: u32;
}

/// Paints what of the stack is not in use. Call it first thing in `main`.
pub fn paint() {
    let here: u32 = 0;
    let end = (&raw const here as usize) - MARGIN_WORDS * 4;
    let mut at = addr_of_mut!(__sheap);
    while (at as usize) < end {
        // SAFETY: from the end of the statics to well below the current frame there is nothing:
        // no heap, and no deeper frame while this one runs.
        unsafe {
            at.write_volatile(PAINT);
            at = at.add(1);
        }
    }
}

/// Size of the statics, bytes.
pub fn statics() -> usize {
    addr_of_mut!(__sheap) as usize - addr_of_mut!(__sdata) as usize
}

/// The deepest the stack has been since [`paint`], bytes.
pub fn high_water() -> usize {
    let top = addr_of_mut!(_stack_start) as usize;
    let mut at = addr_of_mut!(__sheap);
    // SAFETY: as in `paint`: only words between statics and the top of the stack are read.
    while (at as usize) < top && unsafe { at.read_volatile() } == PAINT {
        // SAFETY: it stays at or below the top, as just asked.
        at = unsafe { at.add(1) };
    }
    top - at as usize
}
