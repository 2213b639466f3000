//! Every parser, on any bytes: none panics, and what reads well writes back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netcode_core::ProtocolId;
use netcode_core::client::Client;
use netcode_core::packet::{ConnectionRequest, Header, RequestHeader, Role};
use netcode_core::sealed::{
    DeviceId, DeviceNonce, DeviceSecret, SealContext, SealerPublic, open_token,
};
use netcode_core::token::{PrivateToken, PublicToken};

fuzz_target!(|bytes: &[u8]| {
    for role in [Role::Client, Role::Server] {
        let _ = Header::parse(bytes, role);
    }
    if let Ok(token) = PublicToken::parse(bytes) {
        assert!((1..=32).contains(&token.addresses.iter().count()));
        let mut client = Client::new();
        assert!(client.connect(netcode_core::Instant::ZERO, bytes).is_ok());
    }
    if let Some(private) = bytes.first_chunk() {
        let _ = PrivateToken::parse(private);
    }
    let mut request = bytes.to_vec();
    if let Ok(parsed) = ConnectionRequest::parse(&mut request) {
        let mut again = [0; 1078];
        let written = ConnectionRequest::write(&parsed.header, parsed.private, &mut again);
        assert_eq!(written.as_deref(), Some(bytes));
        assert_eq!(RequestHeader::parse(bytes), Ok(parsed.header));
    }
    let context = SealContext {
        protocol_id: ProtocolId(1),
        device_id: DeviceId(1),
        nonce: DeviceNonce::NONE,
    };
    let device = DeviceSecret::from_bytes([1; 32]);
    let sealer = SealerPublic::from_bytes([2; 32]);
    assert!(open_token(&context, &device, &sealer, &mut bytes.to_vec()).is_err());
});
