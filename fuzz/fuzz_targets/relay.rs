//! A bridge's session: first messages, pieces, floods, in any order and at any time.
#![no_main]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use netcode_bridge::{Downlink, Limits, Relay, Uplink};
use netcode_core::bridge::MessageKind;
use netcode_core::packet::{ConnectionRequest, RequestHeader};
use netcode_core::standard::{CONNECTION_REQUEST_BYTES, MAX_DATAGRAM_BYTES, PRIVATE_TOKEN_BYTES};
use netcode_core::{ProtocolId, TokenNonce, UnixTime};

const UNIX: UnixTime = UnixTime::from_secs(1_000);

fuzz_target!(|data: &[u8]| {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let mut now = *ORIGIN.get_or_init(Instant::now);
    let mut relay = Relay::new(Limits::default(), now);
    let mut admitted = false;
    let mut rest = data;
    // Each step: which way, how much later, how long, then the message.
    while let [way, wait, low, high, after @ ..] = rest {
        now += Duration::from_millis(u64::from(*wait) * 10);
        let len = usize::from(u16::from_le_bytes([*low, *high])) % 1500;
        let (message, next) = after.split_at(len.min(after.len()));
        rest = next;
        match way % 4 {
            // Few inputs would find their way past the first message by themselves.
            0 => admitted |= uplink(&mut relay, now, admitted, &request()),
            1 => downlink(&mut relay, now, message, 100 + usize::from(*way) * 5),
            _ => admitted |= uplink(&mut relay, now, admitted, message),
        }
        relay.deadline();
    }
});

/// Returns `true` if the session is open afterwards.
fn uplink(relay: &mut Relay, now: Instant, admitted: bool, message: &[u8]) -> bool {
    let good = admitted || is_request(message);
    let Ok(uplink) = relay.uplink(now, UNIX, message) else {
        return admitted;
    };
    assert!(good, "something else than a request came first");
    if let Uplink::Datagram(datagram) = uplink {
        assert!(datagram.len() <= MAX_DATAGRAM_BYTES);
        assert_eq!(MessageKind::of(datagram), Some(MessageKind::Datagram));
    }
    true
}

fn downlink(relay: &mut Relay, now: Instant, datagram: &[u8], most: usize) {
    match relay.downlink(now, datagram, most) {
        Ok(Downlink::Whole(whole)) => assert!(whole.len() <= most),
        Ok(Downlink::Fragments(pieces)) => {
            assert!(pieces.iter().all(|piece| piece.len() <= most));
        }
        Err(_) => {}
    }
}

/// A connection request whose token has not expired.
fn request() -> [u8; CONNECTION_REQUEST_BYTES] {
    let header = RequestHeader {
        protocol_id: ProtocolId(42),
        expires: UnixTime::from_secs(2_000),
        nonce: TokenNonce([0; 24]),
    };
    let mut request = [0; CONNECTION_REQUEST_BYTES];
    ConnectionRequest::write(&header, &[0; PRIVATE_TOKEN_BYTES], &mut request);
    request
}

fn is_request(message: &[u8]) -> bool {
    RequestHeader::parse(message).is_ok_and(|header| header.expires > UNIX)
}
