//! Requests to the bridge's HTTP port, as bytes, or as a head and a body of the right length: every
//! connection ends, and gets a response of HTTP or nothing.

use std::cell::RefCell;
use std::net::SocketAddr;

use netcode_bridge::fuzzing::FuzzedOffers;
use netcode_bridge::{AllowList, BridgeConfig, Certificate, ProxyHeader};

/// Inputs of one bridge: offers it answered keep their places for seconds, so there are new ones.
const INPUTS_PER_BRIDGE: u32 = 256;

struct Bridge {
    offers: FuzzedOffers,
    inputs: u32,
}

thread_local! {
    static BRIDGE: RefCell<Option<Bridge>> = const { RefCell::new(None) };
}

fn start() -> FuzzedOffers {
    let rules = [
        "127.0.0.1:40000",
        "10.1.0.0/16:40000-40099",
        "[fd00::/8]:1-9",
        "game.example:40000=10.1.0.5:40000",
        "unresolved.example:40000-40009",
    ];
    let allow = AllowList::new(rules.map(|rule| rule.parse().expect("a rule")));
    let mut config = BridgeConfig::new(allow, Certificate::for_development());
    config.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    config.proxy_header = ProxyHeader::Forwarded;
    config.origins = vec!["https://game.example".to_owned()];
    config.limits.offers_per_address = 64;
    FuzzedOffers::new(config).expect("a bridge without ports of its own")
}

/// Runs one input.
pub fn http_offers(data: &[u8]) {
    let Some((&choices, rest)) = data.split_first() else {
        return;
    };
    let request = match choices & 1 {
        0 => rest.to_vec(),
        _ => with_length(rest),
    };
    // A trusted proxy, or a browser.
    let from: SocketAddr = match choices & 2 {
        0 => ([192, 0, 2, 1], 5000).into(),
        _ => ([10, 0, 0, 1], 5000).into(),
    };
    BRIDGE.with_borrow_mut(|bridge| {
        if bridge
            .as_ref()
            .is_none_or(|it| it.inputs >= INPUTS_PER_BRIDGE)
        {
            *bridge = Some(Bridge {
                offers: start(),
                inputs: 0,
            });
        }
        let bridge = bridge.as_mut().expect("it was just started");
        bridge.inputs += 1;
        let answer = bridge.offers.converse(from, &request);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."));
    });
}

/// A head and a body, separated by a zero byte, with the header that tells the body's length.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let head = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    [head, length.as_bytes(), body].concat()
}
