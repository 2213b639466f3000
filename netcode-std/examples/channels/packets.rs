//! Packets of renet as payloads of netcode. A renet packet has up to 1,200 bytes of a message and a
//! header in front, and a payload has 1,200 bytes in all: a longer packet travels as two fragments.

use std::error::Error;
use std::time::Instant;

use netcode_std::core::bridge::{FragmentError, Fragmenter, MAX_FRAGMENT_BYTES, Reassembler};
use netcode_std::core::{self, standard::MAX_PAYLOAD_BYTES};

/// Both directions of one session. A fragment begins with 7 or 0x17, a packet of renet with its
/// type, 0 to 4.
pub(crate) struct Packets {
    fragmenter: Fragmenter,
    reassembler: Reassembler,
    origin: Instant,
    fragments: Box<[[u8; MAX_FRAGMENT_BYTES]; 2]>,
}

impl Packets {
    pub(crate) fn new() -> Self {
        Self {
            fragmenter: Fragmenter::new(),
            reassembler: Reassembler::new(),
            origin: Instant::now(),
            fragments: Box::new([[0; MAX_FRAGMENT_BYTES]; 2]),
        }
    }

    /// Payloads that carry a packet; if one is lost, so is the packet.
    pub(crate) fn payloads<'b>(
        &'b mut self,
        packet: &'b [u8],
    ) -> Result<impl Iterator<Item = &'b [u8]>, Box<dyn Error>> {
        let (whole, halves) = if packet.len() <= MAX_PAYLOAD_BYTES {
            (Some(packet), None)
        } else {
            let halves = self.fragmenter.split(packet, &mut self.fragments);
            let len = packet.len();
            let halves =
                halves.ok_or_else(|| format!("no payloads for a packet of {len} bytes"))?;
            (None, Some(halves))
        };
        Ok(whole.into_iter().chain(halves.into_iter().flatten()))
    }

    /// Packet that a payload is or completes.
    pub(crate) fn packet<'b>(&'b mut self, now: Instant, payload: &'b [u8]) -> Option<&'b [u8]> {
        let micros = now.saturating_duration_since(self.origin).as_micros();
        let now = core::Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        match self.reassembler.insert(now, payload) {
            Ok(packet) => packet.map(|packet| &*packet),
            // Not a fragment.
            Err(FragmentError::Malformed) => Some(payload),
            Err(_) => None,
        }
    }
}
