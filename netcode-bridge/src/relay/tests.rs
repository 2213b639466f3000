use std::time::Duration;

use netcode_core::packet::{ConnectionRequest, RequestHeader};
use netcode_core::standard::CONNECTION_REQUEST_BYTES;
use netcode_core::{ProtocolId, TokenNonce};

use super::*;

const UNIX: UnixTime = UnixTime::from_secs(1_800_000_000);

fn request(expires: UnixTime) -> Vec<u8> {
    let header = RequestHeader {
        protocol_id: ProtocolId(1),
        expires,
        nonce: TokenNonce([7; 24]),
    };
    let mut out = vec![0; CONNECTION_REQUEST_BYTES];
    ConnectionRequest::write(&header, &[9; 1024], &mut out).unwrap();
    out
}

fn good_request() -> Vec<u8> {
    request(UNIX.saturating_add_secs(30))
}

fn admitted(limits: Limits, now: Instant) -> Relay {
    let mut relay = Relay::new(limits, now);
    relay.uplink(now, UNIX, &good_request()).unwrap();
    relay
}

#[test]
fn nothing_passes_before_a_connection_request() {
    let now = Instant::now();
    let cases: [(&[u8], CloseCode); 6] = [
        (&[], CloseCode::NotARequest),
        (&[0; 1077], CloseCode::NotARequest),
        (&[0; 1078], CloseCode::Version),
        (&[0x15; 100], CloseCode::NotARequest),
        (&[0x07, 0, 0, 1], CloseCode::NotARequest),
        (&[0x08, 1], CloseCode::NotARequest),
    ];
    for (message, code) in cases {
        let mut relay = Relay::new(Limits::default(), now);
        assert_eq!(
            relay.uplink(now, UNIX, message),
            Err(UplinkError::Closed(code))
        );
    }
}

#[test]
fn an_expired_token_ends_the_session_at_once() {
    let now = Instant::now();
    let mut relay = Relay::new(Limits::default(), now);
    assert_eq!(
        relay.uplink(now, UNIX, &request(UNIX)),
        Err(UplinkError::Closed(CloseCode::TokenExpired))
    );
}

#[test]
fn after_the_request_datagrams_pass_as_they_are() {
    let now = Instant::now();
    let mut relay = admitted(Limits::default(), now);
    let datagram = [0x15; MAX_DATAGRAM_BYTES];
    assert_eq!(
        relay.uplink(now, UNIX, &datagram),
        Ok(Uplink::Datagram(&datagram))
    );
    let malformed = Err(UplinkError::Dropped(DropCause::Malformed));
    for message in [
        &[0x15; MAX_DATAGRAM_BYTES + 1][..],
        &[0x09],
        &[0x08, 1],
        &[],
    ] {
        assert_eq!(relay.uplink(now, UNIX, message), malformed);
    }
}

#[test]
fn a_fragmented_datagram_reaches_the_server_whole() {
    let now = Instant::now();
    let mut relay = admitted(Limits::default(), now);
    let datagram = [0x25; 1225];
    let mut out = [[0; MAX_FRAGMENT_BYTES]; 2];
    let [front, back] = Fragmenter::new().split(&datagram, &mut out).unwrap();
    assert_eq!(relay.uplink(now, UNIX, front), Ok(Uplink::Nothing));
    assert_eq!(
        relay.uplink(now, UNIX, back),
        Ok(Uplink::Datagram(&datagram))
    );
}

#[test]
fn fragments_of_a_fragment_are_dropped() {
    let now = Instant::now();
    let mut relay = admitted(Limits::default(), now);
    let mut out = [[0; MAX_FRAGMENT_BYTES]; 2];
    let [front, back] = Fragmenter::new().split(&[0x07; 50], &mut out).unwrap();
    relay.uplink(now, UNIX, front).unwrap();
    assert_eq!(
        relay.uplink(now, UNIX, back),
        Err(UplinkError::Dropped(DropCause::Malformed))
    );
}

#[test]
fn a_datagram_too_long_for_the_session_is_sent_in_fragments() {
    let now = Instant::now();
    let mut relay = admitted(Limits::default(), now);
    let datagram = [0x15; 1225];
    assert_eq!(
        relay.downlink(now, &datagram, 1225),
        Ok(Downlink::Whole(&datagram))
    );
    let Ok(Downlink::Fragments([front, back])) = relay.downlink(now, &datagram, 1224) else {
        panic!("not in pieces");
    };
    let mut reassembler = Reassembler::new();
    let at = netcode_core::Instant::from_micros(0);
    assert_eq!(reassembler.insert(at, front), Ok(None));
    assert_eq!(reassembler.insert(at, back).unwrap().unwrap(), datagram);
    assert_eq!(relay.downlink(now, &datagram, 500), Err(DropCause::TooLong));
}

#[test]
fn a_server_cannot_forge_a_message_of_the_bridge() {
    let now = Instant::now();
    let mut relay = admitted(Limits::default(), now);
    for datagram in [&CloseCode::Full.to_message()[..], &[0x07, 0, 0, 1], &[]] {
        assert_eq!(
            relay.downlink(now, datagram, 1225),
            Err(DropCause::Malformed)
        );
    }
}

#[test]
fn each_direction_has_its_own_allowance() {
    let now = Instant::now();
    let limits = Limits {
        datagrams_per_second: 5,
        ..Limits::default()
    };
    let mut relay = admitted(limits, now);
    let up = (0..100)
        .filter(|_| relay.uplink(now, UNIX, &[0x15; 20]).is_ok())
        .count();
    let down = (0..100)
        .filter(|_| relay.downlink(now, &[0x15; 20], 1225).is_ok())
        .count();
    // The request was the first of ten.
    assert_eq!((up, down), (9, 10));
    let later = now + Duration::from_secs(1);
    assert!(relay.uplink(later, UNIX, &[0x15; 20]).is_ok());
}

#[test]
fn bytes_are_limited_too() {
    let now = Instant::now();
    let limits = Limits {
        bytes_per_second: 1000,
        ..Limits::default()
    };
    let mut relay = admitted(limits, now);
    assert_eq!(
        relay.uplink(now, UNIX, &[0x15; 1000]),
        Err(UplinkError::Dropped(DropCause::Rate))
    );
    assert!(relay.uplink(now, UNIX, &[0x15; 900]).is_ok());
}

#[test]
fn an_idle_session_ends_and_dropped_messages_do_not_keep_it_alive() {
    let now = Instant::now();
    let limits = Limits {
        datagrams_per_second: 1,
        ..Limits::default()
    };
    let mut relay = Relay::new(limits, now);
    let (at, code) = relay.deadline();
    assert_eq!(
        (at - now, code),
        (limits.handshake_timeout, CloseCode::HandshakeTimedOut)
    );

    relay.uplink(now, UNIX, &good_request()).unwrap();
    let later = now + Duration::from_millis(10);
    relay.uplink(later, UNIX, &[0x15; 20]).unwrap();
    // Neither a message above the rate nor one from the server counts as activity of the browser.
    let ignored = now + Duration::from_millis(20);
    relay.uplink(ignored, UNIX, &[0x15; 20]).unwrap_err();
    relay.downlink(ignored, &[0x15; 20], 1225).unwrap();
    assert_eq!(
        relay.deadline(),
        (later + limits.idle_timeout, CloseCode::Idle)
    );
}
