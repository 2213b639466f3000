//! Every parser, on any bytes: none panics, and what reads well writes back as it was.

use netcode_bridge::{AllowRule, ProxyNetwork};
use netcode_core::address::AddressList;
use netcode_core::bridge::{CloseCode, MessageKind};
use netcode_core::client::Client;
use netcode_core::crypto::{Key, RustCrypto};
use netcode_core::packet::{ConnectionRequest, Header, RequestHeader, Role};
use netcode_core::token::{ConnectToken, PrivateToken, PublicToken};
use netcode_core::{Instant, ProtocolId, UserData};

use crate::forge::PROTOCOL_ID;

/// Runs one input.
pub fn parsers(data: &[u8]) {
    packets(data);
    tokens(data);
    messages(data);
    if let Ok(text) = std::str::from_utf8(data) {
        texts(text);
    }
}

fn packets(bytes: &[u8]) {
    for role in [Role::Client, Role::Server] {
        let Ok(header) = Header::parse(bytes, role) else {
            continue;
        };
        let body = header.body(bytes.len());
        assert!(body.len() <= 1200 && bytes.get(body).is_some());
        assert!((1..=6).contains(&(header.kind as u8)));
        let mut datagram = bytes.to_vec();
        let key = Key::from_bytes([1; 32]);
        let protocol_id = ProtocolId(PROTOCOL_ID);
        let opened = header.open(&RustCrypto, &key, protocol_id, &mut datagram);
        assert!(opened.is_err(), "nothing was sealed under this key");
    }
    let mut request = bytes.to_vec();
    if let Ok(parsed) = ConnectionRequest::parse(&mut request) {
        let mut again = [0; 1078];
        let written = ConnectionRequest::write(&parsed.header, parsed.private, &mut again);
        assert_eq!(written.as_deref(), Some(bytes));
        assert_eq!(RequestHeader::parse(bytes), Ok(parsed.header));
    }
}

fn tokens(bytes: &[u8]) {
    // Tokens begin anywhere in the input, so that short ones are tried too.
    let mut padded = [0; 2048];
    let len = bytes.len().min(padded.len());
    padded[..len].copy_from_slice(&bytes[..len]);
    for token in [bytes, &padded] {
        let parsed = PublicToken::parse(token);
        let mut client = Client::new();
        let connected = client.connect(Instant::ZERO, token);
        assert_eq!(connected.is_ok(), parsed.is_ok());
        if let Ok(token) = parsed {
            check_addresses(token.addresses.iter().collect());
            assert!(token.created <= token.expires);
            assert_eq!(client.server_address(), token.addresses.iter().next());
        }
        assert_eq!(ConnectToken::try_from(token).is_ok(), token.len() == 2048);
    }
    if let Some(Ok(private)) = padded.first_chunk().map(PrivateToken::parse) {
        check_addresses(private.addresses.iter().collect());
    }
    assert_eq!(UserData::from_slice(bytes).is_ok(), bytes.len() <= 256);
}

fn check_addresses(addresses: Vec<std::net::SocketAddr>) {
    assert!((1..=32).contains(&addresses.len()));
    let list = AddressList::new(&addresses).expect("as many as a token may name");
    assert!(list.iter().eq(addresses));
}

fn messages(bytes: &[u8]) {
    let kind = MessageKind::of(bytes);
    assert!(kind.is_some() || bytes.first().is_none_or(|first| first & 0x0f > 8));
    if let Some(code) = CloseCode::from_message(bytes) {
        assert_eq!(kind, Some(MessageKind::Close));
        assert_eq!(CloseCode::from_message(&code.to_message()), Some(code));
        assert_eq!(CloseCode::from_number(code.number()), Some(code));
    }
}

fn texts(text: &str) {
    if let Ok(key) = Key::from_hex(text) {
        let digits: String = key
            .as_bytes()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        assert_eq!(digits, text.to_ascii_lowercase());
    }
    let _ = text.parse::<AllowRule>();
    let _ = text.parse::<ProxyNetwork>();
}
