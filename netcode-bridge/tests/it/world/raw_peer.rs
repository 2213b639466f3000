//! Raw TCP and UDP peers: requests and datagrams that no browser sends.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use netcode_bridge::BridgeAddresses;
use netcode_std::core::bridge::CHANNEL_LABEL;
use str0m::RtcConfig;
use str0m::channel::ChannelConfig;
use str0m::ice::{StunMessage, TransId};

/// Longer than anything here takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Another address of this machine. Linux has the whole of 127.0.0.0/8.
pub(crate) const ELSEWHERE: &str = "127.0.0.2";

/// A connection from this address.
pub(crate) fn connect_from(source: &str, to: SocketAddr) -> TcpStream {
    let source = SocketAddr::new(source.parse().unwrap(), 0);
    let domain = socket2::Domain::for_address(to);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
    socket.bind(&source.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    connect_from("127.0.0.1", to)
}

/// All that comes until the bridge closes the connection; it must.
pub(crate) fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        // Closed with something of ours unread.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the connection stays open: {error}"),
    }
    all
}

/// An offer as a browser makes it, of a peer that never sends anything.
pub(crate) fn offer() -> String {
    let mut rtc = RtcConfig::new().clear_codecs().build(Instant::now());
    let mut change = rtc.sdp_api();
    change.add_channel_with_config(ChannelConfig {
        label: CHANNEL_LABEL.to_owned(),
        ..ChannelConfig::default()
    });
    change.apply().unwrap().0.to_sdp_string()
}

/// The head of a request to post so many bytes.
pub(crate) fn head(path: &str, headers: &str, len: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: bridge\r\n{headers}Content-Type: application/sdp\r\n\
         Content-Length: {len}\r\n\r\n"
    )
}

/// Posts an offer over this connection; gives the whole response.
pub(crate) fn post(
    stream: &mut TcpStream,
    server: SocketAddr,
    headers: &str,
    offer: &str,
) -> String {
    let head = head(&format!("/netcode/{server}"), headers, offer.len());
    // A connection that was closed takes nothing; then there is no response either.
    let _ = stream.write_all(format!("{head}{offer}").as_bytes());
    String::from_utf8(read_to_end(stream)).unwrap()
}

/// The status of a response; none if the connection was closed without one.
pub(crate) fn status(response: &str) -> Option<u16> {
    let status = response.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    Some(status.parse().unwrap())
}

/// Value after `name` in a session description, to the end of the line.
pub(crate) fn value<'a>(description: &'a str, name: &str) -> &'a str {
    let mut lines = description.lines();
    let value = lines.find_map(|line| line.strip_prefix(name));
    value.unwrap().trim()
}

/// A connectivity check with the right names and password that asks for the stream at once.
pub(crate) fn nomination(offer: &str, answer: &str) -> Vec<u8> {
    let name = |description| value(description, "a=ice-ufrag:");
    let username = format!("{}:{}", name(answer), name(offer));
    let check = StunMessage::binding_request(&username, TransId::new(), true, 1, u32::MAX, true);
    let password = value(answer, "a=ice-pwd:").as_bytes();
    let hmac = str0m::crypto::from_feature_flags().sha1_hmac_provider;
    let mut bytes = vec![0; 512];
    let len = check
        .to_bytes(Some(password), &mut bytes, |key, parts| {
            hmac.sha1_hmac(key, parts)
        })
        .unwrap();
    bytes.truncate(len);
    bytes
}

/// A socket that never asked the bridge for anything; it records the datagrams that arrive.
pub(crate) struct Victim {
    socket: UdpSocket,
    bridge: SocketAddr,
    /// Bytes sent with this address as their source.
    pub(crate) forged: usize,
}

impl Victim {
    pub(crate) fn new(bridge: &BridgeAddresses) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            bridge: bridge.rtc[0],
            forged: 0,
        }
    }

    /// Sends a datagram as an attacker would, with the victim's address as its source.
    pub(crate) fn forge(&mut self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.bridge).unwrap();
        self.forged += datagram.len();
    }

    /// Waits for a datagram.
    pub(crate) fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let (len, _) = self.socket.recv_from(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    /// Datagrams that have arrived.
    pub(crate) fn received(&self) -> Vec<Vec<u8>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2048];
        let mut all = Vec::new();
        while let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
            all.push(buffer[..len].to_vec());
        }
        self.socket.set_nonblocking(false).unwrap();
        all
    }
}

/// `true` for a STUN message.
pub(crate) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}
