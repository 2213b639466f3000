//! A bridge on loopback, and browsers' transports spoken by native clients.

mod browser;
mod link;
mod webrtc;
mod webtransport;

use std::net::SocketAddr;

use netcode_std::bridge::{AllowList, AllowRule, Bridge, BridgeConfig, Certificate, Transport};

pub(crate) use self::browser::{Browser, Visit};
#[allow(unused_imports, reason = "not every test program has clients")]
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
