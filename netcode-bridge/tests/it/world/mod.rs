//! A bridge on loopback, and browsers' transports spoken by native clients.

mod browser;
mod link;
pub(crate) mod raw_peer;
pub(crate) mod silent;
mod webrtc;
mod webtransport;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use netcode_bridge::{AllowList, AllowRule, Bridge, BridgeConfig, Certificate, Transport};
use netcode_std::core::Instant;
use netcode_std::core::client::Client;

use crate::pair::token;

#[allow(unused_imports, reason = "each test program uses its own part")]
pub(crate) use self::browser::{Browser, Visit};
#[allow(unused_imports, reason = "each test program uses its own part")]
pub(crate) use self::link::BrowserLink;

pub(crate) const BOTH: [Transport; 2] = [Transport::WebTransport, Transport::WebRtc];

/// A bridge on IPv4 loopback to `servers`, on ports of the system's choice.
pub(crate) fn config(servers: &[SocketAddr]) -> BridgeConfig {
    let allow = AllowList::new(servers.iter().copied().map(AllowRule::from));
    let mut config = BridgeConfig::new(allow, Certificate::for_development());
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.rtc_listen = config.listen.clone();
    config
}

pub(crate) fn start(servers: &[SocketAddr]) -> Bridge {
    Bridge::start(config(servers)).unwrap()
}

/// A server that only listens: what reaches it can be looked at.
pub(crate) fn listener() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    (socket, address)
}

/// The request that a client with a good token sends.
pub(crate) fn request(server: SocketAddr) -> Vec<u8> {
    let mut client = Client::new();
    let now = Instant::from_micros(0);
    client.connect(now, &token(1, &[server], &[])).unwrap();
    let mut out = [0; 1300];
    client
        .poll_transmit(now, &mut out)
        .unwrap()
        .datagram
        .to_vec()
}
