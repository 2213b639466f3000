//! Ledger of everything that was sealed: the provenance of each datagram, and the collector of
//! (key, nonce) pairs.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use netcode_core::crypto::{Crypto, Key, RustCrypto, Unauthentic};

use crate::wire;

/// Actor that sealed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Client(usize),
    Server(usize),
    Attacker,
}

/// Something that was sealed, with its plaintext.
pub(crate) struct Seal {
    pub(crate) maker: Maker,
    pub(crate) key: [u8; 32],
    pub(crate) sequence: u64,
    pub(crate) data: Vec<u8>,
    pub(crate) body: Vec<u8>,
    sealed: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) seals: Vec<Seal>,
    by_tag: HashMap<[u8; 16], usize>,
    /// First seal under each pair of key and nonce.
    pairs: HashMap<([u8; 32], u64), usize>,
    /// Keys under which the standard makes nonces repeat: see `Ground::forgive`.
    exempt: HashSet<[u8; 32]>,
    /// Decryptions attempted.
    pub(crate) opens: u64,
    /// First pair that sealed two plaintexts.
    pub(crate) reused: Option<String>,
}

pub(crate) type SharedLedger = Rc<RefCell<Ledger>>;

impl Ledger {
    pub(crate) fn exempt(&mut self, key: [u8; 32]) {
        self.exempt.insert(key);
    }

    pub(crate) fn is_exempt(&self, key: &[u8; 32]) -> bool {
        self.exempt.contains(key)
    }

    fn record(&mut self, seal: Seal) {
        let id = self.seals.len();
        if let Some(tag) = seal.sealed.last_chunk::<16>() {
            self.by_tag.insert(*tag, id);
        }
        if seal.maker != Maker::Attacker {
            let pair = (seal.key, seal.sequence);
            let first = *self.pairs.entry(pair).or_insert(id);
            if let Some(first) = self.seals.get(first)
                && (first.body != seal.body || first.data != seal.data)
                && !self.exempt.contains(&seal.key)
            {
                self.reused.get_or_insert(format!(
                    "sequence {:#x} of one key sealed by {:?} and by {:?}",
                    seal.sequence, first.maker, seal.maker
                ));
            }
        }
        self.seals.push(seal);
    }

    /// Records a whole packet sealed by code other than the core.
    pub(crate) fn record_packet(
        &mut self,
        maker: Maker,
        key: &[u8; 32],
        protocol_id: u64,
        datagram: &[u8],
        body: &[u8],
    ) {
        let Some(clear) = wire::clear(datagram) else {
            return;
        };
        self.record(Seal {
            maker,
            key: *key,
            sequence: clear.sequence,
            data: wire::packet_data(protocol_id, datagram[0]),
            body: body.to_vec(),
            sealed: datagram[clear.header..].to_vec(),
        });
    }

    /// Seal of an encrypted packet, if it is exactly as it was sealed.
    pub(crate) fn find(&self, datagram: &[u8]) -> Option<&Seal> {
        let seal = self.find_bytes(datagram)?;
        let clear = wire::clear(datagram)?;
        let intact = seal.sequence == clear.sequence
            && seal.data.last() == datagram.first()
            && datagram.get(clear.header..) == Some(&seal.sealed[..]);
        intact.then_some(seal)
    }

    /// Seal of a challenge token with the nonce of `sequence`, if it is exactly as it was sealed.
    pub(crate) fn find_challenge(&self, sequence: u64, token: &[u8]) -> Option<usize> {
        let id = *self.by_tag.get(token.last_chunk::<16>()?)?;
        let seal = self.seals.get(id)?;
        (seal.sequence == sequence && seal.sealed == token && seal.data.is_empty()).then_some(id)
    }

    fn find_bytes(&self, datagram: &[u8]) -> Option<&Seal> {
        let id = *self.by_tag.get(datagram.last_chunk::<16>()?)?;
        self.seals.get(id)
    }
}

/// Real cryptography that writes into the ledger.
#[derive(Clone)]
pub(crate) struct Witness {
    pub(crate) ledger: SharedLedger,
    pub(crate) maker: Maker,
}

impl Crypto for Witness {
    fn seal(&self, key: &Key, nonce: &[u8; 12], data: &[u8], body_and_tag: &mut [u8]) {
        let body = body_and_tag[..body_and_tag.len() - 16].to_vec();
        RustCrypto.seal(key, nonce, data, body_and_tag);
        let [front @ .., a, b, c, d, e, f, g, h] = *nonce;
        let mut ledger = self.ledger.borrow_mut();
        if front != [0; 4] {
            ledger
                .reused
                .get_or_insert("a packet nonce does not begin with zeros".into());
        }
        ledger.record(Seal {
            maker: self.maker,
            key: *key.as_bytes(),
            sequence: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            data: data.to_vec(),
            body,
            sealed: body_and_tag.to_vec(),
        });
    }

    fn open(
        &self,
        key: &Key,
        nonce: &[u8; 12],
        data: &[u8],
        body_and_tag: &mut [u8],
    ) -> Result<(), Unauthentic> {
        self.ledger.borrow_mut().opens += 1;
        RustCrypto.open(key, nonce, data, body_and_tag)
    }
}
