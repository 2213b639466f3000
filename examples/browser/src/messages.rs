//! Messages of clients and server, in payloads. Numbers are little-endian.
//!
//! | first byte | from a client | from the server |
//! | --- | --- | --- |
//! | 1 | where I am: `u16 x · u16 y` | the world: `u8 you`, then for each client `u8 who · u8 kind · u16 x · u16 y` |
//! | 2 | an echo, please: anything | the same bytes |
//! | 3 | a key was pressed: UTF-8 | `u8 who · UTF-8` |

/// Position of a client; the world.
pub(crate) const PLACE: u8 = 1;
/// An echo, please; the echo.
pub(crate) const ECHO: u8 = 2;
/// A key was pressed.
pub(crate) const KEY: u8 = 3;

/// Bytes of a key's name at most.
pub(crate) const MAX_KEY_BYTES: usize = 16;

/// Kind of a client, from the user data of its token.
pub(crate) const BROWSER: u8 = 0;
/// A client over UDP.
pub(crate) const DESKTOP: u8 = 1;

/// A place in the arena; both from 0 to 65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) x: u16,
    pub(crate) y: u16,
}

impl Place {
    pub(crate) const MIDDLE: Self = Self {
        x: 1 << 15,
        y: 1 << 15,
    };

    pub(crate) fn to_message(self) -> [u8; 5] {
        let ([x0, x1], [y0, y1]) = (self.x.to_le_bytes(), self.y.to_le_bytes());
        [PLACE, x0, x1, y0, y1]
    }

    /// Reads what follows the first byte.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let &[x0, x1, y0, y1] = body else { return None };
        Some(Self {
            x: u16::from_le_bytes([x0, x1]),
            y: u16::from_le_bytes([y0, y1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_message() {
        let place = Place { x: 1, y: 65_000 };
        let message = place.to_message();
        assert_eq!(message.first(), Some(&PLACE));
        assert_eq!(message.get(1..).and_then(Place::read), Some(place));
    }

    #[test]
    fn other_lengths_are_no_place() {
        assert_eq!(Place::read(&[]), None);
        assert_eq!(Place::read(&[0; 3]), None);
        assert_eq!(Place::read(&[0; 5]), None);
    }
}
