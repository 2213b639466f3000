//! Halves of long datagrams: a sender, a lossy, hostile way, a receiver.

use arbitrary::{Result, Unstructured};
use netcode_core::Instant;
use netcode_core::bridge::{Fragmenter, MessageKind, Reassembler};
use netcode_core::standard::MAX_DATAGRAM_BYTES;

use crate::forge::{Edits, choose};
use crate::take_steps;

/// Steps of one run, at most.
const MOST_STEPS: usize = 512;

/// Runs one input.
pub fn fragments(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let mut world = World::default();
    take_steps(&mut input, MOST_STEPS, |input| world.step(input));
}

#[derive(Default)]
struct World {
    fragmenter: Fragmenter,
    reassembler: Reassembler,
    now: u64,
    /// Halves under way.
    halves: Vec<Vec<u8>>,
    datagrams: Vec<Vec<u8>>,
    /// `true` once a half was changed or made up.
    forged: bool,
}

impl World {
    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        match choose(input, 8)? {
            0..=2 => {
                let len = usize::from(input.arbitrary::<u16>()? % 1300);
                let mut datagram = vec![input.arbitrary()?; len];
                if let Some(last) = datagram.last_mut() {
                    *last = input.arbitrary()?;
                }
                self.split(datagram);
            }
            3..=5 => {
                let which = usize::from(input.arbitrary::<u8>()?);
                let Some(half) = self.halves.iter().rev().nth(which).cloned() else {
                    return Ok(());
                };
                let mut changed = half.clone();
                self.forged |= Edits::decode(input)?.apply(&mut changed);
                self.insert(&changed);
            }
            6 => {
                let len = usize::from(input.arbitrary::<u8>()?).min(input.len());
                let message = input.bytes(len)?.to_vec();
                self.forged = true;
                self.insert(&message);
            }
            _ => self.now = self.now.wrapping_add(input.arbitrary::<u32>()?.into()),
        }
        Ok(())
    }

    fn split(&mut self, datagram: Vec<u8>) {
        let mut out = [[0; netcode_core::bridge::MAX_FRAGMENT_BYTES]; 2];
        let Some(halves) = self.fragmenter.split(&datagram, &mut out) else {
            assert!(!(2..=MAX_DATAGRAM_BYTES).contains(&datagram.len()));
            return;
        };
        for half in halves {
            assert_eq!(MessageKind::of(half), Some(MessageKind::Fragment));
            assert!(half.len() <= datagram.len().div_ceil(2) + 3);
            self.halves.push(half.to_vec());
        }
        self.datagrams.push(datagram);
    }

    fn insert(&mut self, half: &[u8]) {
        let now = Instant::from_micros(self.now);
        if let Ok(Some(whole)) = self.reassembler.insert(now, half) {
            assert!(whole.len() <= MAX_DATAGRAM_BYTES);
            let known = self.datagrams.iter().any(|it| **it == *whole);
            assert!(known || self.forged, "two halves make a datagram of no one");
        }
    }
}
