//! Fragmentation of datagrams, for sessions that cannot carry a full netcode datagram.
//!
//! Format: `u8 mark · u16 number · half of the datagram`. The mark's low nibble is 7, its high
//! nibble 0 for the front half and 1 for the back half; the number, little-endian, is the same in
//! both. The front half is as long as the back half, or one byte longer.

use core::fmt;
use core::time::Duration;

use heapless::Vec;

use crate::standard::MAX_DATAGRAM_BYTES;
use crate::time::{Instant, micros};
use crate::wire::Writer;

/// Low nibble of every fragment.
pub(super) const MARK: u8 = 7;

const FRONT: u8 = MARK;
const BACK: u8 = MARK | 0x10;

const HEADER_BYTES: usize = 3;
const MAX_BODY_BYTES: usize = MAX_DATAGRAM_BYTES.div_ceil(2);

/// Longest fragment, bytes. A session that carries this much carries every netcode datagram.
pub const MAX_FRAGMENT_BYTES: usize = HEADER_BYTES + MAX_BODY_BYTES;

/// Number of fragments kept for their other half; a further one replaces the oldest.
const ROOM: usize = 4;

/// Time for which a fragment is kept. Both halves are sent at once, so the other is lost by then.
const FRAGMENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Fragmenter of a session's outgoing datagrams, each into two fragments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fragmenter {
    number: u16,
}

impl Fragmenter {
    /// Creates the fragmenter of one session.
    pub const fn new() -> Self {
        Self { number: 0 }
    }

    /// Writes both fragments of `datagram` into `out` and returns them; send both.
    ///
    /// `None` if the datagram is shorter than two bytes, or longer than the longest of netcode
    /// (1225).
    #[must_use = "half a datagram is lost if either fragment is"]
    pub fn split<'b>(
        &mut self,
        datagram: &[u8],
        out: &'b mut [[u8; MAX_FRAGMENT_BYTES]; 2],
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
    out: &'b mut [u8; MAX_FRAGMENT_BYTES],
) -> Option<&'b [u8]> {
    let mut out = Writer::new(out);
    out.u8(mark)?;
    out.u16(number)?;
    out.put(half)?;
    Some(out.finish())
}

/// Reason for which a fragment was dropped. There is nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FragmentError {
    /// The message is not a fragment, or its part of the datagram is empty or too long.
    Malformed,
    /// This half was already received.
    Duplicate,
    /// The two halves do not belong to one datagram: their lengths do not match.
    Mismatch,
}

impl fmt::Display for FragmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a fragment of a datagram",
            Self::Duplicate => "this fragment was received before",
            Self::Mismatch => "the two fragments are not of one datagram",
        })
    }
}

impl core::error::Error for FragmentError {}

/// Fragment kept until the other half of its datagram arrives.
struct Fragment {
    mark: u8,
    number: u16,
    arrived: Instant,
    bytes: Vec<u8, MAX_BODY_BYTES, u16>,
}

impl Fragment {
    /// Parses a message; `None` unless it is a fragment with at least one byte of a datagram.
    fn parse(arrived: Instant, message: &[u8]) -> Option<Self> {
        let (header, bytes) = message.split_first_chunk::<HEADER_BYTES>()?;
        let [mark @ (FRONT | BACK), low, high] = *header else {
            return None;
        };
        let bytes = Vec::from_slice(bytes).ok().filter(|it| !it.is_empty())?;
        Some(Self {
            mark,
            number: u16::from_le_bytes([low, high]),
            arrived,
            bytes,
        })
    }
}

/// Reassembler of a session's incoming datagrams. About 3.7 KiB, independent of the number of
/// fragments a hostile peer sends; each costs a comparison with four entries.
pub struct Reassembler {
    /// At most one fragment of each number.
    waiting: Vec<Fragment, ROOM, u8>,
    datagram: Vec<u8, MAX_DATAGRAM_BYTES, u16>,
}

impl Reassembler {
    /// Creates the reassembler of one session.
    pub const fn new() -> Self {
        Self {
            waiting: Vec::new(),
            datagram: Vec::new(),
        }
    }

    /// Inserts a fragment that arrived at `now`; returns the datagram that it completes.
    ///
    /// # Errors
    /// See [`FragmentError`].
    pub fn insert(
        &mut self,
        now: Instant,
        message: &[u8],
    ) -> Result<Option<&mut [u8]>, FragmentError> {
        let fragment = Fragment::parse(now, message).ok_or(FragmentError::Malformed)?;
        self.forget(now);
        let number = fragment.number;
        let Some(other) = self.waiting.iter().find(|other| other.number == number) else {
            self.keep(fragment);
            return Ok(None);
        };
        if other.mark == fragment.mark {
            return Err(FragmentError::Duplicate);
        }
        let joined = join(other, &fragment, &mut self.datagram);
        self.waiting.retain(|other| other.number != number);
        joined.ok_or(FragmentError::Mismatch)?;
        Ok(Some(&mut self.datagram))
    }

    /// Drops fragments kept for too long, and those from the future after a clock has jumped back.
    fn forget(&mut self, now: Instant) {
        self.waiting.retain(|fragment| {
            let waited = now.as_micros().checked_sub(fragment.arrived.as_micros());
            waited.is_some_and(|waited| waited <= const { micros(FRAGMENT_TIMEOUT) })
        });
    }

    /// Keeps a fragment, in place of the oldest if full.
    fn keep(&mut self, fragment: Fragment) {
        if self.waiting.is_full() {
            let oldest = self.waiting.iter().min_by_key(|other| other.arrived);
            let oldest = oldest.map(|other| other.number);
            self.waiting.retain(|other| Some(other.number) != oldest);
        }
        let _ = self.waiting.push(fragment);
    }
}

impl fmt::Debug for Reassembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reassembler")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Default for Reassembler {
    fn default() -> Self {
        Self::new()
    }
}

/// Joins two fragments, if they belong to one datagram.
fn join(
    waiting: &Fragment,
    arrived: &Fragment,
    datagram: &mut Vec<u8, MAX_DATAGRAM_BYTES, u16>,
) -> Option<()> {
    let (front, back) = match arrived.mark {
        FRONT => (&arrived.bytes, &waiting.bytes),
        _ => (&waiting.bytes, &arrived.bytes),
    };
    if !matches!(front.len().checked_sub(back.len()), Some(0 | 1)) {
        return None;
    }
    datagram.clear();
    datagram.extend_from_slice(front).ok()?;
    datagram.extend_from_slice(back).ok()
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const NOW: Instant = Instant::from_micros(5_000_000);

    fn split(fragmenter: &mut Fragmenter, datagram: &[u8]) -> [Vec<u8>; 2] {
        let mut out = [[0; MAX_FRAGMENT_BYTES]; 2];
        fragmenter
            .split(datagram, &mut out)
            .unwrap()
            .map(<[u8]>::to_vec)
    }

    proptest! {
        #[test]
        fn fragments_are_reassembled_in_either_order(
            datagram in prop::collection::vec(any::<u8>(), 2..=MAX_DATAGRAM_BYTES),
            back_first in any::<bool>(),
        ) {
            let mut fragments = split(&mut Fragmenter::new(), &datagram);
            if back_first {
                fragments.reverse();
            }
            let mut reassembler = Reassembler::new();
            prop_assert_eq!(reassembler.insert(NOW, &fragments[0]), Ok(None));
            let joined = reassembler.insert(NOW, &fragments[1]).unwrap().map(|it| it.to_vec());
            prop_assert_eq!(joined, Some(datagram));
        }

        #[test]
        fn hostile_pieces_neither_panic_nor_make_more_than_a_datagram(
            fragments in prop::collection::vec(
                (0u8..32, 0u16..3, 0usize..700, 0u64..3_000_000), 0..64),
        ) {
            let mut reassembler = Reassembler::new();
            for (mark, number, len, at) in fragments {
                let mut fragment = std::vec![mark];
                fragment.extend(number.to_le_bytes());
                fragment.resize(fragment.len() + len, mark);
                if let Ok(Some(joined)) = reassembler.insert(Instant::from_micros(at), &fragment) {
                    prop_assert!((2..=MAX_DATAGRAM_BYTES).contains(&joined.len()));
                }
            }
        }
    }

    #[test]
    fn fragments_have_the_form_that_both_sides_know() {
        let mut fragmenter = Fragmenter::new();
        assert_eq!(
            split(&mut fragmenter, b"abc"),
            [vec![0x07, 0, 0, b'a', b'b'], vec![0x17, 0, 0, b'c']]
        );
        assert_eq!(
            split(&mut fragmenter, b"de"),
            [vec![0x07, 1, 0, b'd'], vec![0x17, 1, 0, b'e']]
        );
        assert_eq!(MAX_FRAGMENT_BYTES, 616);
    }

    #[test]
    fn only_lengths_of_netcode_datagrams_are_split() {
        let mut out = [[0; MAX_FRAGMENT_BYTES]; 2];
        let mut fragmenter = Fragmenter::new();
        assert!(fragmenter.split(&[], &mut out).is_none());
        assert!(fragmenter.split(&[0], &mut out).is_none());
        assert!(
            fragmenter
                .split(&[0; MAX_DATAGRAM_BYTES + 1], &mut out)
                .is_none()
        );
        assert!(
            fragmenter
                .split(&[0; MAX_DATAGRAM_BYTES], &mut out)
                .is_some()
        );
    }

    #[test]
    fn a_half_waits_a_second_and_no_longer() {
        let [front, back] = split(&mut Fragmenter::new(), &[1, 2, 3]);
        let after = |micros| Instant::from_micros(NOW.as_micros() + micros);
        let mut reassembler = Reassembler::new();
        reassembler.insert(NOW, &front).unwrap();
        assert!(
            reassembler
                .insert(after(micros(FRAGMENT_TIMEOUT)), &back)
                .unwrap()
                .is_some()
        );
        reassembler.insert(NOW, &front).unwrap();
        assert!(
            reassembler
                .insert(after(micros(FRAGMENT_TIMEOUT) + 1), &back)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn the_oldest_half_makes_room_for_a_fifth() {
        let mut fragmenter = Fragmenter::new();
        let datagrams: Vec<_> = (0..5).map(|_| split(&mut fragmenter, &[9; 100])).collect();
        let mut reassembler = Reassembler::new();
        for (at, [front, _]) in (0..).zip(&datagrams) {
            reassembler.insert(Instant::from_micros(at), front).unwrap();
        }
        let now = Instant::from_micros(10);
        assert!(reassembler.insert(now, &datagrams[4][1]).unwrap().is_some());
        assert!(reassembler.insert(now, &datagrams[0][1]).unwrap().is_none());
    }

    #[test]
    fn a_piece_twice_is_dropped_once() {
        let [front, back] = split(&mut Fragmenter::new(), &[1, 2, 3]);
        let mut reassembler = Reassembler::new();
        reassembler.insert(NOW, &front).unwrap();
        assert_eq!(
            reassembler.insert(NOW, &front),
            Err(FragmentError::Duplicate)
        );
        assert!(reassembler.insert(NOW, &back).unwrap().is_some());
    }

    #[test]
    fn halves_of_two_datagrams_are_not_joined() {
        let mut reassembler = Reassembler::new();
        reassembler.insert(NOW, &[FRONT, 0, 0, 1]).unwrap();
        assert_eq!(
            reassembler.insert(NOW, &[BACK, 0, 0, 1, 2]),
            Err(FragmentError::Mismatch)
        );
    }
}
