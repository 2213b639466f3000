//! The wire format, compared with bytes of an independent implementation.

use serde::Deserialize;
use serde_json::Value;

use super::packet::{OpenError, needed};
use super::token::associated_data;
use super::*;

const VECTORS: &str = include_str!("../../tests/vectors/netcode-1.02.json");

#[derive(Deserialize)]
struct Vectors {
    connect_tokens: Vec<Value>,
    challenge_tokens: Vec<Value>,
    packets: Vec<Value>,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(case[field].as_str().unwrap()).unwrap()
}

fn array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    bytes(case, field).try_into().unwrap()
}

/// Numbers of 64 bits are text, smaller ones are not.
fn number(case: &Value, field: &str) -> u64 {
    let value = &case[field];
    value
        .as_u64()
        .unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn token(case: &Value) -> Token {
    let addresses = case["server_addresses"].as_array().unwrap();
    Token {
        protocol_id: number(case, "protocol_id"),
        created: number(case, "create_timestamp"),
        expires: number(case, "expire_timestamp"),
        nonce: array(case, "nonce"),
        client_id: number(case, "client_id"),
        timeout: i32::try_from(case["timeout_seconds"].as_i64().unwrap()).unwrap(),
        addresses: addresses
            .iter()
            .map(|it| it.as_str().unwrap().parse().unwrap())
            .collect(),
        keys: Keys {
            client_to_server: array(case, "client_to_server_key"),
            server_to_client: array(case, "server_to_client_key"),
        },
        user_data: array(case, "user_data"),
    }
}

#[test]
fn connect_tokens_are_the_vectors() {
    for case in vectors().connect_tokens {
        let token = token(&case);
        let key: Key = array(&case, "private_key");
        assert_eq!(
            token.private_plain(),
            bytes(&case, "private_plaintext_1008")
        );
        assert_eq!(token.private(&key), bytes(&case, "private_encrypted"));
        assert_eq!(token.public(&key), bytes(&case, "connect_token"));
        let associated = associated_data(VERSION, token.protocol_id, token.expires);
        let opened = open_xchacha(&key, &token.nonce, &associated, &token.private(&key));
        assert_eq!(opened.unwrap(), token.private_plain());
    }
}

#[test]
fn challenge_tokens_are_the_vectors() {
    for case in vectors().challenge_tokens {
        let (key, data): (Key, UserData) = (array(&case, "key"), array(&case, "user_data"));
        let (sequence, id) = (number(&case, "sequence"), number(&case, "client_id"));
        let challenge = Challenge::seal(&key, sequence, id, &data);
        assert_eq!(challenge.token, bytes(&case, "encrypted"));
        let (client_id, rest) = challenge.open(&key).unwrap();
        assert_eq!((client_id, &rest[..256]), (id, &data[..]));
        assert!(Challenge::read(&challenge.body()) == Some(challenge));
    }
}

#[test]
fn packets_are_the_vectors() {
    let mut types = [0; 7];
    for case in vectors().packets {
        let datagram = bytes(&case, "datagram");
        let kind = u8::try_from(number(&case, "type")).unwrap();
        types[usize::from(kind)] += 1;
        let (protocol_id, key): (_, Key) = (number(&case, "protocol_id"), array(&case, "key"));
        let body = match kind {
            kind::REQUEST => {
                let blank = token(&vectors().connect_tokens[0]);
                let token = Token {
                    protocol_id,
                    expires: number(&case, "expire_timestamp"),
                    nonce: array(&case, "nonce"),
                    ..blank
                };
                assert_eq!(token.request_with(&bytes(&case, "data")), datagram);
                continue;
            }
            kind::CHALLENGE | kind::RESPONSE => Challenge {
                sequence: number(&case, "challenge_sequence"),
                token: bytes(&case, "challenge_token"),
            }
            .body(),
            kind::KEEP_ALIVE => {
                let field = |name| u32::try_from(number(&case, name)).unwrap().to_le_bytes();
                [field("client_index"), field("max_clients")].concat()
            }
            kind::PAYLOAD => bytes(&case, "payload"),
            _ => Vec::new(),
        };
        let sequence = number(&case, "sequence");
        assert_eq!(
            Seal::new(protocol_id, kind, sequence, &body).seal(&key),
            datagram
        );
        let opened = open(&datagram, &key, protocol_id).unwrap();
        assert!(opened.is_minimal());
        assert_eq!(
            (opened.kind, opened.sequence, opened.body),
            (kind, sequence, body)
        );
    }
    assert!(types.iter().all(|&count| count > 0), "{types:?}");
}

#[test]
fn a_packet_with_a_changed_bit_does_not_open() {
    let key = [7; 32];
    let datagram = Seal::new(42, kind::PAYLOAD, 0x1234, b"payload").seal(&key);
    assert!(open(&datagram, &key, 42).is_ok());
    for at in 0..datagram.len() {
        for bit in 0..8 {
            let mut changed = datagram.clone();
            changed[at] ^= 1 << bit;
            assert!(open(&changed, &key, 42).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(open(&datagram, &key, 43) == Err(OpenError::Authentic));
    assert!(open(&[], &key, 42) == Err(OpenError::Form));
}

#[test]
fn a_sequence_needs_as_few_bytes_as_it_has() {
    let cases = [
        (0, 1),
        (255, 1),
        (256, 2),
        (0xffff, 2),
        (1 << 16, 3),
        (1 << 55, 7),
        (1 << 56, 8),
        (u64::MAX, 8),
    ];
    for (sequence, count) in cases {
        assert_eq!(needed(sequence), count, "{sequence}");
    }
}
