//! A bridge's session: first messages, halves, floods, in any order and at any time.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use netcode_bridge::{Downlink, Limits, Relay, Uplink};
use netcode_core::UnixTime;
use netcode_core::bridge::MessageKind;
use netcode_core::packet::RequestHeader;
use netcode_core::standard::MAX_DATAGRAM_BYTES;

use crate::forge::UNIX;
use crate::ticket::Ticket;

/// Runs one input.
pub fn relay(data: &[u8]) {
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
            0 => admitted |= uplink(&mut relay, now, admitted, request()),
            1 => downlink(&mut relay, now, message, 100 + usize::from(*way) * 5),
            _ => admitted |= uplink(&mut relay, now, admitted, message),
        }
        relay.deadline();
    }
}

/// Passes a message of the browser; returns `true` if the session is open then.
fn uplink(relay: &mut Relay, now: Instant, admitted: bool, message: &[u8]) -> bool {
    let good = admitted || is_request(message);
    let Ok(uplink) = relay.uplink(now, UnixTime::from_secs(UNIX), message) else {
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
fn request() -> &'static [u8] {
    static REQUEST: OnceLock<Vec<u8>> = OnceLock::new();
    REQUEST.get_or_init(|| {
        let server = ([10, 0, 0, 1], 40_000).into();
        Ticket::new(1, 1, UNIX + 1000, &[server]).request()
    })
}

fn is_request(message: &[u8]) -> bool {
    let unix = UnixTime::from_secs(UNIX);
    RequestHeader::parse(message).is_ok_and(|header| header.expires > unix)
}
