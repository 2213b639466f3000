//! Text with numbers and bytes in it, in a buffer.
//!
//! `core::fmt` takes 3 KB of flash more.

/// Piece of a text.
#[derive(Clone, Copy)]
pub enum Piece<'a> {
    Text(&'a str),
    /// In decimal digits.
    Number(u64),
    /// In two lower-case hexadecimal digits a byte.
    Hex(&'a [u8]),
}

/// Joins pieces in `room`; what does not fit is cut off.
pub fn join<'r>(pieces: &[Piece<'_>], room: &'r mut [u8]) -> &'r [u8] {
    let mut free = room.iter_mut();
    let mut len = 0;
    let mut push = |byte| {
        if let Some(place) = free.next() {
            *place = byte;
            len += 1;
        }
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => text.bytes().for_each(&mut push),
            Piece::Hex(bytes) => bytes.iter().for_each(|byte| {
                push(hex_digit(byte >> 4));
                push(hex_digit(byte & 0xf));
            }),
            Piece::Number(number) => digits(*number, &mut push),
        }
    }
    room.get(..len).unwrap_or_default()
}

fn hex_digit(value: u8) -> u8 {
    let first = if value < 10 { b'0' } else { b'a' - 10 };
    first.wrapping_add(value)
}

fn digits(number: u64, push: &mut impl FnMut(u8)) {
    // As many digits as the largest number has.
    let mut text = [0; 20];
    let mut rest = number;
    let mut begin = text.len();
    for place in text.iter_mut().rev() {
        *place = hex_digit((rest % 10).to_le_bytes()[0]);
        rest /= 10;
        begin -= 1;
        if rest == 0 {
            break;
        }
    }
    text.iter().skip(begin).for_each(|digit| push(*digit));
}
