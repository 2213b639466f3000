//! Wire format, compared with bytes of an independent implementation: writing produces them,
//! reading returns every field, and every flipped bit is detected.

#[path = "vectors/format.rs"]
mod format;

use format::{Body, ChallengeTokenCase, ConnectTokenCase, PacketCase, load};
use netcode_core::crypto::{Key, RustCrypto, SessionKeys};
use netcode_core::packet::{ConnectionRequest, Header, Packet, RequestHeader, Role, seal};
use netcode_core::token::{
    ChallengeToken, ConnectToken, PrivateToken, PublicToken, TokenSpec, mint_with,
};
use netcode_core::{
    ClientId, ClientIndex, Dropped, ProtocolId, Sequence, Timeout, TokenNonce, UnixTime, UserData,
};

/// All copies of `bytes` with one bit flipped.
///
/// The first case of a kind is tried at every bit, the others at one bit of each byte.
fn flipped<const N: usize>(bytes: &[u8; N], case: usize) -> impl Iterator<Item = [u8; N]> + '_ {
    flipped_positions(N, case).map(move |(at, bit)| {
        let mut copy = *bytes;
        copy[at] ^= 1 << bit;
        copy
    })
}

fn flipped_positions(len: usize, case: usize) -> impl Iterator<Item = (usize, usize)> {
    let bits = move |at: usize| if case == 0 { 0..8 } else { at % 8..at % 8 + 1 };
    (0..len).flat_map(move |at| bits(at).map(move |bit| (at, bit)))
}

fn keys(case: &ConnectTokenCase) -> SessionKeys {
    SessionKeys {
        client_to_server: Key::from_bytes(case.client_to_server_key),
        server_to_client: Key::from_bytes(case.server_to_client_key),
    }
}

fn request_header(case: &ConnectTokenCase) -> RequestHeader {
    RequestHeader {
        protocol_id: ProtocolId(case.protocol_id),
        expires: UnixTime::from_secs(case.expire_timestamp),
        nonce: TokenNonce(case.nonce),
    }
}

#[test]
fn a_minted_connect_token_is_the_vectors() {
    let cases = load().connect_tokens;
    assert!(!cases.is_empty());
    for case in cases {
        let (protocol_id, client_id) = (ProtocolId(case.protocol_id), ClientId(case.client_id));
        let created = UnixTime::from_secs(case.create_timestamp);
        let user_data = UserData(case.user_data);
        let mut spec = TokenSpec::new(protocol_id, client_id, &case.server_addresses, created)
            .with_timeout(Timeout::from_secs(case.timeout_seconds))
            .with_user_data(&user_data);
        spec.expires = UnixTime::from_secs(case.expire_timestamp);
        let mut token = ConnectToken::new();
        token.as_mut_bytes().fill(0xff);
        let key = Key::from_bytes(case.private_key);
        mint_with(
            &spec,
            &key,
            &keys(&case),
            TokenNonce(case.nonce),
            &mut token,
        )
        .unwrap();
        assert_eq!(*token.as_bytes(), case.connect_token);
    }
}

#[test]
fn a_connect_token_reads_as_every_field_of_the_vectors() {
    for case in load().connect_tokens {
        let token = PublicToken::parse(&case.connect_token).unwrap();
        assert_eq!(token.protocol_id.0, case.protocol_id);
        assert_eq!(token.created.as_secs(), case.create_timestamp);
        assert_eq!(token.expires.as_secs(), case.expire_timestamp);
        assert_eq!(token.nonce.0, case.nonce);
        assert_eq!(*token.private, case.private_encrypted);
        assert_eq!(token.timeout.as_secs(), case.timeout_seconds);
        assert_eq!(
            token.addresses.iter().collect::<Vec<_>>(),
            case.server_addresses
        );
        assert_eq!(token.keys, keys(&case));
        assert_eq!(token.request_header(), request_header(&case));

        let key = Key::from_bytes(case.private_key);
        let opened = token.open_private(&RustCrypto, &key).unwrap();
        assert_eq!(opened[..1008], case.private_plaintext_1008);
        let private = PrivateToken::parse(&opened).unwrap();
        assert_eq!(private.client_id.0, case.client_id);
        assert_eq!(private.timeout.as_secs(), case.timeout_seconds);
        assert_eq!(
            private.addresses.iter().collect::<Vec<_>>(),
            case.server_addresses
        );
        assert_eq!(private.keys, keys(&case));
        assert_eq!(*private.user_data, case.user_data);
    }
}

#[test]
fn a_private_part_with_a_flipped_bit_does_not_open() {
    for (number, case) in load().connect_tokens.iter().enumerate() {
        let key = Key::from_bytes(case.private_key);
        for mut changed in flipped(&case.private_encrypted, number) {
            assert!(
                PrivateToken::open(&RustCrypto, &key, &request_header(case), &mut changed).is_err()
            );
        }
        for key in flipped(&case.private_key, number).map(Key::from_bytes) {
            let mut sealed = case.private_encrypted;
            assert!(
                PrivateToken::open(&RustCrypto, &key, &request_header(case), &mut sealed).is_err()
            );
        }
    }
}

/// Fields before the private part: version, protocol id, create timestamp, expire timestamp, nonce.
const PUBLIC_FRONT: usize = 13 + 8 + 8 + 8 + 24;

/// Length of the fields of a token; zeros follow.
fn public_len(case: &ConnectTokenCase) -> usize {
    let address = |it: &std::net::SocketAddr| if it.is_ipv4() { 7 } else { 19 };
    let addresses: usize = case.server_addresses.iter().map(address).sum();
    PUBLIC_FRONT + 1024 + 4 + 4 + addresses + 64
}

#[test]
fn a_connect_token_with_a_flipped_bit_does_not_read_as_before() {
    for (number, case) in load().connect_tokens.iter().enumerate() {
        let key = Key::from_bytes(case.private_key);
        for (at, bit) in flipped_positions(public_len(case), number) {
            let mut changed = case.connect_token;
            changed[at] ^= 1 << bit;
            let Ok(token) = PublicToken::parse(&changed) else {
                continue;
            };
            let sealed_again = token.open_private(&RustCrypto, &key).is_err();
            let reads_otherwise = token.created.as_secs() != case.create_timestamp
                || token.timeout.as_secs() != case.timeout_seconds
                || token
                    .addresses
                    .iter()
                    .ne(case.server_addresses.iter().copied())
                || token.keys != keys(case);
            // Only the create timestamp and the fields after the private part are not sealed.
            let clear = (21..29).contains(&at) || at >= PUBLIC_FRONT + 1024;
            assert_eq!(sealed_again, !clear, "byte {at} bit {bit}");
            assert_eq!(reads_otherwise, clear, "byte {at} bit {bit}");
        }
    }
}

fn challenge(case: &ChallengeTokenCase) -> ChallengeToken<'_> {
    ChallengeToken {
        client_id: ClientId(case.client_id),
        user_data: &case.user_data,
        padding: &[0; 20],
    }
}

#[test]
fn challenge_tokens_are_the_vectors_in_both_directions() {
    let cases = load().challenge_tokens;
    assert!(!cases.is_empty());
    for (number, case) in cases.iter().enumerate() {
        let key = Key::from_bytes(case.key);
        let sequence = Sequence(case.sequence);
        let mut sealed = [0xff; 300];
        challenge(case).seal(&RustCrypto, &key, sequence, &mut sealed);
        assert_eq!(sealed, case.encrypted);

        let opened = ChallengeToken::open(&RustCrypto, &key, sequence, &mut sealed).unwrap();
        assert_eq!(opened.client_id.0, case.client_id);
        assert_eq!(*opened.user_data, case.user_data);
        assert_eq!(*opened.padding, [0; 20]);

        for mut changed in flipped(&case.encrypted, number) {
            assert!(ChallengeToken::open(&RustCrypto, &key, sequence, &mut changed).is_err());
        }
        for bit in 0..64 {
            let mut sealed = case.encrypted;
            let other = Sequence(case.sequence ^ 1 << bit);
            assert!(ChallengeToken::open(&RustCrypto, &key, other, &mut sealed).is_err());
        }
    }
}

/// Packet of a case; `None` for a connection request, which is not encrypted.
fn packet<'b>(case: &PacketCase, body: &'b Body) -> Option<Packet<'b>> {
    Some(match (case.kind, body) {
        (1, Body::Empty) => Packet::Denied,
        (6, Body::Empty) => Packet::Disconnect,
        (2, Body::Challenge { sequence, token }) => Packet::Challenge {
            sequence: Sequence(*sequence),
            token,
        },
        (3, Body::Challenge { sequence, token }) => Packet::Response {
            sequence: Sequence(*sequence),
            token,
        },
        (
            4,
            Body::KeepAlive {
                client_index,
                max_clients,
            },
        ) => Packet::KeepAlive {
            client_index: ClientIndex(*client_index),
            max_clients: *max_clients,
        },
        (5, Body::Payload(payload)) => Packet::Payload(payload),
        (0, Body::Request { .. }) => return None,
        _ => panic!("body and type differ"),
    })
}

fn read<'d>(case: &PacketCase, datagram: &'d mut [u8]) -> Result<(Sequence, Packet<'d>), Dropped> {
    let role = if matches!(case.kind, 1 | 2) {
        Role::Client
    } else {
        Role::Server
    };
    let header = Header::parse(datagram, role)?;
    let key = Key::from_bytes(case.key);
    let packet = header.open(&RustCrypto, &key, ProtocolId(case.protocol_id), datagram)?;
    Ok((header.sequence, packet))
}

#[test]
fn every_packet_type_is_in_the_vectors() {
    let mut kinds: Vec<u8> = load().packets.iter().map(|case| case.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn sealed_packets_are_the_vectors_in_both_directions() {
    for case in load().packets {
        let body = case.body();
        let Some(packet) = packet(&case, &body) else {
            continue;
        };
        let (key, protocol_id) = (Key::from_bytes(case.key), ProtocolId(case.protocol_id));
        let sequence = Sequence(case.sequence);
        let mut out = [0; 1225];
        let sealed = seal(&packet, &RustCrypto, &key, protocol_id, sequence, &mut out);
        assert_eq!(hex::encode(sealed.unwrap()), hex::encode(&case.datagram));

        let mut datagram = case.datagram.clone();
        assert_eq!(read(&case, &mut datagram), Ok((sequence, packet)));
    }
}

#[test]
fn a_sealed_packet_with_a_flipped_bit_is_dropped() {
    let mut tried = [0; 7];
    for case in load().packets.iter().filter(|case| case.kind != 0) {
        let kind = usize::from(case.kind);
        for (at, bit) in flipped_positions(case.datagram.len(), tried[kind]) {
            let mut changed = case.datagram.clone();
            changed[at] ^= 1 << bit;
            assert!(read(case, &mut changed).is_err(), "byte {at} bit {bit}");
        }
        tried[kind] += 1;
    }
    assert!(tried[1..].iter().all(|&count| count > 0));
}

#[test]
fn connection_requests_are_the_vectors_in_both_directions() {
    for case in load().packets {
        let Body::Request {
            expires,
            nonce,
            private,
        } = case.body()
        else {
            continue;
        };
        let header = RequestHeader {
            protocol_id: ProtocolId(case.protocol_id),
            expires: UnixTime::from_secs(expires),
            nonce: TokenNonce(nonce),
        };
        let mut out = [0xff; 1078];
        let written = ConnectionRequest::write(&header, &private, &mut out).unwrap();
        assert_eq!(written, case.datagram);
        assert_eq!(RequestHeader::parse(&out), Ok(header));

        let parsed = ConnectionRequest::parse(&mut out).unwrap();
        assert_eq!((parsed.header, *parsed.private), (header, *private));

        for mut changed in flipped(&out.clone(), 0) {
            // The request is not sealed as a whole: a flipped bit makes it invalid or changes a
            // field.
            let parsed = ConnectionRequest::parse(&mut changed);
            assert!(
                parsed.is_err_and(|reason| matches!(reason, Dropped::Type | Dropped::Version)) || {
                    let parsed = ConnectionRequest::parse(&mut changed).unwrap();
                    parsed.header != header || *parsed.private != *private
                }
            );
        }
    }
}
