//! A bridge's session: first messages, pieces, floods, in any order and at any time.
#![no_main]

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use netcode_core::UnixTime;
use netcode_core::bridge::MessageKind;
use netcode_core::packet::ConnectionRequest;
use netcode_core::standard::MAX_DATAGRAM_BYTES;
use netcode_std::bridge::{Downlink, Limits, Relay, Uplink};

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
        if way % 2 == 0 {
            let good = is_request(message);
            if let Ok(uplink) = relay.uplink(now, UNIX, message) {
                assert!(admitted || good, "something else than a request came first");
                admitted = true;
                if let Uplink::Datagram(datagram) = uplink {
                    assert!(datagram.len() <= MAX_DATAGRAM_BYTES);
                    assert_eq!(MessageKind::of(datagram), Some(MessageKind::Datagram));
                }
            }
        } else {
            let most = 100 + usize::from(*way) * 5;
            match relay.downlink(now, message, most) {
                Ok(Downlink::Whole(whole)) => assert!(whole.len() <= most),
                Ok(Downlink::Pieces(pieces)) => {
                    assert!(pieces.iter().all(|piece| piece.len() <= most));
                }
                Err(_) => {}
            }
        }
        relay.deadline();
    }
});

fn is_request(message: &[u8]) -> bool {
    let mut copy = message.to_vec();
    ConnectionRequest::parse(&mut copy).is_ok_and(|request| request.header.expires > UNIX)
}
