//! Datagrams in two pieces, for sessions that carry less than a full netcode datagram.
//!
//! `u8 mark · u16 number · half of the datagram`. The mark's low nibble is 7, its high nibble 0
//! for the front half and 1 for the back half; the number, little-endian, is the same in both.
//! The front half is as long as the back half, or one byte longer.

use core::fmt;

use heapless::Vec;

use crate::standard::MAX_DATAGRAM_BYTES;
use crate::time::Instant;

/// Low nibble of every piece.
pub(super) const MARK: u8 = 7;

const FRONT: u8 = MARK;
const BACK: u8 = MARK | 0x10;

const HEADER_BYTES: usize = 3;
const MAX_HALF_BYTES: usize = MAX_DATAGRAM_BYTES.div_ceil(2);

/// The longest piece, bytes. A session that carries this much carries every netcode datagram.
pub const MAX_PIECE_BYTES: usize = HEADER_BYTES + MAX_HALF_BYTES;

/// Halves that wait for their other half; one more, and the oldest is given up.
const ROOM: usize = 4;

/// How long a half waits, microseconds. Both leave at once, so the other is lost by then.
const PATIENCE_MICROS: u64 = 1_000_000;

/// Cuts datagrams in two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Splitter {
    number: u16,
}

impl Splitter {
    /// A splitter; a session needs one for what it sends.
    pub const fn new() -> Self {
        Self { number: 0 }
    }

    /// Writes both halves of `datagram` into `out` and returns the two messages; send both.
    ///
    /// `None` if the datagram is shorter than two bytes, or longer than any of netcode's (1225).
    pub fn split<'b>(
        &mut self,
        datagram: &[u8],
        out: &'b mut [[u8; MAX_PIECE_BYTES]; 2],
    ) -> Option<[&'b [u8]; 2]> {
        if datagram.len() < 2 || datagram.len() > MAX_DATAGRAM_BYTES {
            return None;
        }
        let number = self.number;
        self.number = number.wrapping_add(1);
        let (front, back) = datagram.split_at_checked(datagram.len().div_ceil(2))?;
        let [first, second] = out;
        Some([
            write(FRONT, number, front, first)?,
            write(BACK, number, back, second)?,
        ])
    }
}

fn write<'b>(
    mark: u8,
    number: u16,
    half: &[u8],
    out: &'b mut [u8; MAX_PIECE_BYTES],
) -> Option<&'b [u8]> {
    let [low, high] = number.to_le_bytes();
    let len = half.len().saturating_add(HEADER_BYTES);
    let (header, body) = out
        .get_mut(..len)?
        .split_first_chunk_mut::<HEADER_BYTES>()?;
    *header = [mark, low, high];
    body.copy_from_slice(half);
    out.get(..len)
}

/// Why a piece was dropped. Nothing else changes: there is nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PieceError {
    /// It is no piece, or one without a byte of the datagram in it, or one that is too long.
    Malformed,
    /// This half was received before.
    Duplicate,
    /// The two halves are not of one datagram: their lengths do not fit.
    Mismatch,
}

impl fmt::Display for PieceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a piece of a datagram",
            Self::Duplicate => "this piece was received before",
            Self::Mismatch => "the two pieces are not of one datagram",
        })
    }
}

impl core::error::Error for PieceError {}

/// One half that waits.
struct Half {
    mark: u8,
    number: u16,
    arrived: Instant,
    bytes: Vec<u8, MAX_HALF_BYTES, u16>,
}

/// Puts datagrams together again. About 3.7 KiB, fixed: however many pieces a hostile peer sends,
/// they take no more memory, and each costs one look at four places.
pub struct Joiner {
    /// At most one of each number.
    halves: Vec<Half, ROOM, u8>,
    joined: Vec<u8, MAX_DATAGRAM_BYTES, u16>,
}

impl Joiner {
    /// A joiner; a session needs one for what it receives.
    pub const fn new() -> Self {
        Self {
            halves: Vec::new(),
            joined: Vec::new(),
        }
    }

    /// Takes in a piece that arrived at `now`; gives the datagram if it was the last that missed.
    ///
    /// # Errors
    /// See [`PieceError`].
    pub fn take_in(&mut self, now: Instant, piece: &[u8]) -> Result<Option<&mut [u8]>, PieceError> {
        let (header, bytes) = piece
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(PieceError::Malformed)?;
        let [mark @ (FRONT | BACK), low, high] = *header else {
            return Err(PieceError::Malformed);
        };
        let bytes = Vec::from_slice(bytes).map_err(|_| PieceError::Malformed)?;
        if bytes.is_empty() {
            return Err(PieceError::Malformed);
        }
        let half = Half {
            mark,
            number: u16::from_le_bytes([low, high]),
            arrived: now,
            bytes,
        };
        self.forget(now);
        let Some(other) = self.halves.iter().find(|it| it.number == half.number) else {
            self.keep(half);
            return Ok(None);
        };
        if other.mark == mark {
            return Err(PieceError::Duplicate);
        }
        let joined = join(other, &half, &mut self.joined);
        self.halves.retain(|other| other.number != half.number);
        joined.ok_or(PieceError::Mismatch)?;
        Ok(Some(&mut self.joined))
    }

    /// Gives up what has waited too long. A clock that jumped back makes nothing wait longer.
    fn forget(&mut self, now: Instant) {
        self.halves.retain(|half| {
            let waited = now.as_micros().checked_sub(half.arrived.as_micros());
            waited.is_some_and(|waited| waited <= PATIENCE_MICROS)
        });
    }

    /// Keeps a half; if there is no more room, in place of the one that has waited longest.
    fn keep(&mut self, half: Half) {
        if self.halves.is_full() {
            let oldest = self.halves.iter().min_by_key(|half| half.arrived);
            let oldest = oldest.map(|half| half.number);
            self.halves.retain(|half| Some(half.number) != oldest);
        }
        let _ = self.halves.push(half);
    }
}

impl Default for Joiner {
    fn default() -> Self {
        Self::new()
    }
}

/// Joins a half that waited and one that arrived, if they are of one datagram.
fn join(
    waiting: &Half,
    arrived: &Half,
    joined: &mut Vec<u8, MAX_DATAGRAM_BYTES, u16>,
) -> Option<()> {
    let (front, back) = match arrived.mark {
        FRONT => (&arrived.bytes, &waiting.bytes),
        _ => (&waiting.bytes, &arrived.bytes),
    };
    if !matches!(front.len().checked_sub(back.len()), Some(0 | 1)) {
        return None;
    }
    joined.clear();
    joined.extend_from_slice(front).ok()?;
    joined.extend_from_slice(back).ok()
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const NOW: Instant = Instant::from_micros(5_000_000);

    fn split(splitter: &mut Splitter, datagram: &[u8]) -> [Vec<u8>; 2] {
        let mut out = [[0; MAX_PIECE_BYTES]; 2];
        splitter
            .split(datagram, &mut out)
            .unwrap()
            .map(<[u8]>::to_vec)
    }

    proptest! {
        #[test]
        fn what_is_split_is_joined_again_in_either_order(
            datagram in prop::collection::vec(any::<u8>(), 2..=MAX_DATAGRAM_BYTES),
            back_first in any::<bool>(),
        ) {
            let mut pieces = split(&mut Splitter::new(), &datagram);
            if back_first {
                pieces.reverse();
            }
            let mut joiner = Joiner::new();
            prop_assert_eq!(joiner.take_in(NOW, &pieces[0]), Ok(None));
            let joined = joiner.take_in(NOW, &pieces[1]).unwrap().map(|it| it.to_vec());
            prop_assert_eq!(joined, Some(datagram));
        }

        #[test]
        fn hostile_pieces_neither_panic_nor_make_more_than_a_datagram(
            pieces in prop::collection::vec(
                (0u8..32, 0u16..3, 0usize..700, 0u64..3_000_000), 0..64),
        ) {
            let mut joiner = Joiner::new();
            for (mark, number, len, at) in pieces {
                let mut piece = std::vec![mark];
                piece.extend(number.to_le_bytes());
                piece.resize(piece.len() + len, mark);
                if let Ok(Some(joined)) = joiner.take_in(Instant::from_micros(at), &piece) {
                    prop_assert!((2..=MAX_DATAGRAM_BYTES).contains(&joined.len()));
                }
            }
        }
    }

    #[test]
    fn only_lengths_of_netcode_datagrams_are_split() {
        let mut out = [[0; MAX_PIECE_BYTES]; 2];
        let mut splitter = Splitter::new();
        assert!(splitter.split(&[], &mut out).is_none());
        assert!(splitter.split(&[0], &mut out).is_none());
        assert!(
            splitter
                .split(&[0; MAX_DATAGRAM_BYTES + 1], &mut out)
                .is_none()
        );
        assert!(splitter.split(&[0; MAX_DATAGRAM_BYTES], &mut out).is_some());
    }

    #[test]
    fn a_half_waits_a_second_and_no_longer() {
        let [front, back] = split(&mut Splitter::new(), &[1, 2, 3]);
        let after = |micros| Instant::from_micros(NOW.as_micros() + micros);
        let mut joiner = Joiner::new();
        joiner.take_in(NOW, &front).unwrap();
        assert!(
            joiner
                .take_in(after(PATIENCE_MICROS), &back)
                .unwrap()
                .is_some()
        );
        joiner.take_in(NOW, &front).unwrap();
        assert!(
            joiner
                .take_in(after(PATIENCE_MICROS + 1), &back)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn the_oldest_half_makes_room_for_a_fifth() {
        let mut splitter = Splitter::new();
        let datagrams: Vec<_> = (0..5).map(|_| split(&mut splitter, &[9; 100])).collect();
        let mut joiner = Joiner::new();
        for (at, [front, _]) in (0..).zip(&datagrams) {
            joiner.take_in(Instant::from_micros(at), front).unwrap();
        }
        let now = Instant::from_micros(10);
        assert!(joiner.take_in(now, &datagrams[4][1]).unwrap().is_some());
        assert!(joiner.take_in(now, &datagrams[0][1]).unwrap().is_none());
    }

    #[test]
    fn a_piece_twice_is_dropped_once() {
        let [front, back] = split(&mut Splitter::new(), &[1, 2, 3]);
        let mut joiner = Joiner::new();
        joiner.take_in(NOW, &front).unwrap();
        assert_eq!(joiner.take_in(NOW, &front), Err(PieceError::Duplicate));
        assert!(joiner.take_in(NOW, &back).unwrap().is_some());
    }

    #[test]
    fn halves_of_two_datagrams_are_not_joined() {
        let mut joiner = Joiner::new();
        joiner.take_in(NOW, &[FRONT, 0, 0, 1]).unwrap();
        assert_eq!(
            joiner.take_in(NOW, &[BACK, 0, 0, 1, 2]),
            Err(PieceError::Mismatch)
        );
    }
}
