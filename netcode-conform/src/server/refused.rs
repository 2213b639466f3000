//! Connection requests that a server has to drop. (Standard: *Processing Connection Requests*,
//! *Connect Token Structure*.)

use super::request::{fresh, other, with_addresses};
use super::trial::{Form, Trial, check, date, settled_date};
use crate::check::{Check, Checked, unobservable};
use crate::wire::{PRIVATE_BYTES, PRIVATE_PLAIN_BYTES, REQUEST_BYTES, Token, token};

const SECTION: &str = "Processing Connection Requests";
const TOKEN: &str = "Connect Token Structure";
const PACKET: &str = "Connection Request Packet";

/// Places of the fields in a request.
mod at {
    use std::ops::Range;

    pub(super) const VERSION: Range<usize> = 1..14;
    pub(super) const PROTOCOL_ID: Range<usize> = 14..22;
    pub(super) const EXPIRES: Range<usize> = 22..30;
    pub(super) const NONCE: Range<usize> = 30..54;
    pub(super) const PRIVATE: Range<usize> = 54..1062;
    pub(super) const MAC: Range<usize> = 1062..1078;
}

/// Places of the fields in the private part before it is sealed.
mod plain {
    pub(super) const COUNT: usize = 12;
    pub(super) const FIRST_ADDRESS: usize = 16;
}

pub(super) const CHECKS: &[Check<Trial>] = &[
    check(
        "request.size",
        PACKET,
        "a request that is not 1078 bytes long is dropped",
        |it| {
            let mut forms = Vec::new();
            for len in [
                REQUEST_BYTES - 1,
                REQUEST_BYTES + 1,
                REQUEST_BYTES - PRIVATE_BYTES,
                1200,
            ] {
                let mut request = fresh(it);
                request.resize(len, 0);
                forms.push((format!("a connection request of {len} bytes"), request));
            }
            it.drops_all(&forms)
        },
    ),
    check(
        "request.prefix",
        PACKET,
        "a request begins with a zero byte, all of it",
        |it| {
            let mut forms = Vec::new();
            for prefix in [0x10, 0x80, 0xf0] {
                let request = edited(it, |request| set(request, 0, prefix));
                forms.push((
                    format!("a connection request with prefix {prefix:#04x}"),
                    request,
                ));
            }
            it.drops_all(&forms)
        },
    ),
    check(
        "request.version",
        SECTION,
        "a request of another version is dropped",
        |it| {
            let mut forms = flips(it, at::VERSION, "the version");
            for version in [b"NETCODE 1.01\0", b"NETCODE 1.03\0", b"netcode 1.02\0"] {
                let text = format!("a request of version {}", String::from_utf8_lossy(version));
                forms.push((text, version_sealed(it, version)));
            }
            it.drops_all(&forms)
        },
    ),
    check(
        "request.protocol-id",
        SECTION,
        "a request of another protocol id is dropped",
        |it| {
            let mut forms = flips(it, at::PROTOCOL_ID, "the protocol id");
            // All of it sealed for the other protocol id, so that only the comparison can tell.
            let token = it.token();
            let token = Token {
                protocol_id: token.protocol_id ^ 1,
                ..token
            };
            forms.push((
                "a token of another protocol id".to_owned(),
                token.request(it.key()),
            ));
            it.drops_all(&forms)
        },
    ),
    check(
        "request.protocol-id-sealed",
        SECTION,
        "the sealed protocol id counts, beside the one in the clear",
        |it| {
            let token = it.token();
            let sealed = Token {
                protocol_id: token.protocol_id ^ 1,
                ..token.clone()
            };
            let request = token.request_with(&sealed.private(it.key()));
            it.drops_all(&[(
                "a private part sealed for another protocol id".to_owned(),
                request,
            )])
        },
    ),
    check(
        "request.expired",
        SECTION,
        "an expired token is dropped",
        |it| {
            let mut forms = Vec::new();
            for ago in [5, 3600, date() - 1] {
                let token = it.token();
                let token = Token {
                    created: 0,
                    expires: date() - ago,
                    ..token
                };
                forms.push((
                    format!("a token that expired {ago} s ago"),
                    token.request(it.key()),
                ));
            }
            it.drops_all(&forms)
        },
    ),
    check(
        "request.expires-now",
        SECTION,
        "a token expires when its second begins",
        |it| {
            if !it.shared.target.address.ip().is_loopback() {
                return unobservable("the server's clock may differ: run the tool on its machine");
            }
            let token = it.token();
            let token = Token {
                created: 0,
                expires: settled_date(),
                ..token
            };
            it.drops_all(&[(
                "a token that expires in this second".to_owned(),
                token.request(it.key()),
            )])
        },
    ),
    check(
        "request.expiry-changed",
        SECTION,
        "the expiry in the clear is the sealed one",
        |it| {
            let forms = flips(it, at::EXPIRES.start..at::EXPIRES.start + 4, "the expiry");
            it.drops_all(&forms)
        },
    ),
    check(
        "request.nonce-changed",
        SECTION,
        "a private part with another nonce does not open",
        |it| {
            let forms = flips(it, at::NONCE, "the nonce");
            it.drops_all(&forms)
        },
    ),
    check(
        "request.private-changed",
        SECTION,
        "a changed private part does not open",
        |it| {
            let every = at::PRIVATE.step_by(61).chain([at::PRIVATE.end - 1]);
            let forms = flips(it, every, "the private part");
            it.drops_all(&forms)
        },
    ),
    check(
        "request.mac-changed",
        SECTION,
        "a private part with another MAC does not open",
        |it| {
            let forms = flips(it, at::MAC, "the MAC");
            it.drops_all(&forms)
        },
    ),
    check(
        "request.other-key",
        SECTION,
        "a token of another private key is dropped",
        |it| {
            let mut key = *it.key();
            flip(&mut key, 31);
            let request = it.token().request(&key);
            it.drops_all(&[("a token sealed with another key".to_owned(), request)])
        },
    ),
    check(
        "request.not-sealed",
        SECTION,
        "a private part that is not sealed is dropped",
        |it| {
            let token = it.token();
            let mut private = token.private_plain();
            private.resize(PRIVATE_BYTES, 0);
            let zeros = vec![0; PRIVATE_BYTES];
            it.drops_all(&[
                (
                    "a private part in the clear".to_owned(),
                    token.request_with(&private),
                ),
                (
                    "a private part of zeros".to_owned(),
                    token.request_with(&zeros),
                ),
            ])
        },
    ),
    check(
        "request.no-addresses",
        TOKEN,
        "a token without addresses is dropped",
        |it| refuses_plain(it, "a token without addresses", |plain| set_count(plain, 0)),
    ),
    check(
        "request.33-addresses",
        TOKEN,
        "a token with more than 32 addresses is dropped",
        |it| {
            let own = it.public_address();
            let token = with_addresses(it, std::iter::once(own).chain((0..32).map(other)));
            let request = token.request(it.key());
            let mut forms = vec![("a token with 33 addresses".to_owned(), request)];
            for count in [255, 256, 0x8000_0001, u32::MAX] {
                let request = plain_edited(it, |plain| set_count(plain, count));
                forms.push((format!("a token with {count} addresses"), request));
            }
            it.drops_all(&forms)
        },
    ),
    check(
        "request.address-type",
        TOKEN,
        "an address of a type other than 1 and 2 is invalid",
        |it| {
            let mut forms = Vec::new();
            for code in [0, 3, 255] {
                let request = plain_edited(it, |plain| set(plain, plain::FIRST_ADDRESS, code));
                forms.push((format!("an address of type {code}"), request));
            }
            it.drops_all(&forms)
        },
    ),
    check(
        "request.other-server",
        SECTION,
        "a token for other servers is dropped",
        |it| {
            let mut forms = Vec::new();
            let token = with_addresses(it, (0..3).map(other));
            forms.push((
                "a token for other addresses".to_owned(),
                token.request(it.key()),
            ));
            let mut port = it.public_address();
            port.set_port(port.port() ^ 1);
            let token = with_addresses(it, std::iter::once(port));
            forms.push((
                "a token for another port".to_owned(),
                token.request(it.key()),
            ));
            it.drops_all(&forms)
        },
    ),
];

fn edited(it: &mut Trial, edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut request = fresh(it);
    edit(&mut request);
    request
}

/// Requests with one bit flipped in each of these bytes.
fn flips(it: &mut Trial, places: impl Iterator<Item = usize>, field: &str) -> Vec<Form> {
    places
        .map(|at| {
            let request = edited(it, |request| flip(request, at));
            (
                format!("a request with byte {at} ({field}) changed"),
                request,
            )
        })
        .collect()
}

fn flip(bytes: &mut [u8], at: usize) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (at % 8);
    }
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

/// A request whose private part is sealed under another version, with that version in the clear.
fn version_sealed(it: &mut Trial, version: &[u8; 13]) -> Vec<u8> {
    let token = it.token();
    let associated = token::associated_data(version, token.protocol_id, token.expires);
    let plain = token.private_plain();
    let private = token::seal_private(it.key(), &token.nonce, &associated, &plain);
    let mut request = token.request_with(&private);
    for (to, from) in request.iter_mut().skip(1).zip(version) {
        *to = *from;
    }
    request
}

fn set_count(plain: &mut [u8], count: u32) {
    for (to, from) in plain.iter_mut().skip(plain::COUNT).zip(count.to_le_bytes()) {
        *to = from;
    }
}

/// A request whose private part is authentic and has edited contents.
fn plain_edited(it: &mut Trial, edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let token = it.token();
    let mut plain = token.private_plain();
    edit(&mut plain);
    plain.truncate(PRIVATE_PLAIN_BYTES);
    token.request_of_plain(it.key(), &plain)
}

fn refuses_plain(it: &mut Trial, text: &str, edit: impl FnOnce(&mut [u8])) -> Checked {
    let request = plain_edited(it, edit);
    it.drops_all(&[(text.to_owned(), request)])
}
