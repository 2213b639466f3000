//! Sealed tokens: they open only on their device and in their context.

use crate::network::{PROTOCOL, Ticket, World};
use netcode_core::ProtocolId;
use netcode_core::client::ClientState;
use netcode_core::sealed::{
    DeviceId, DeviceNonce, DevicePublic, DeviceSecret, OpenError, SEALED_TOKEN_BYTES, SealContext,
    SealError, SealerSecret, open_token, seal_token,
};
use netcode_core::token::ConnectToken;
use rand::SeedableRng;
use rand::rngs::StdRng;

const CONTEXT: SealContext = SealContext {
    protocol_id: PROTOCOL,
    device_id: DeviceId(7),
    nonce: DeviceNonce::from_bytes(*b"asked this once "),
};

struct Sealed {
    device: DeviceSecret,
    sealer: SealerSecret,
    token: ConnectToken,
    message: [u8; SEALED_TOKEN_BYTES],
}

fn sealed() -> Sealed {
    let mut rng = StdRng::seed_from_u64(1);
    let device = DeviceSecret::generate(&mut rng);
    let sealer = SealerSecret::generate(&mut rng);
    let token = Ticket::new(1).mint();
    let mut message = [0; SEALED_TOKEN_BYTES];
    seal_token(
        &CONTEXT,
        &sealer,
        &device.public(),
        &token,
        &mut rng,
        &mut message,
    )
    .unwrap();
    Sealed {
        device,
        sealer,
        token,
        message,
    }
}

#[test]
fn a_sealed_token_opens_on_its_device_and_connects() {
    let Sealed {
        device,
        sealer,
        token,
        mut message,
    } = sealed();
    assert!(!message.windows(32).any(|bytes| bytes == &token[1200..1232]));
    let opened = open_token(&CONTEXT, &device, &sealer.public(), &mut message).unwrap();
    assert_eq!(opened, token.as_bytes());
    let mut world = World::new(4);
    let n = world.join(&Ticket::new(99));
    world.clients[n].client.disconnect(world.now);
    world.clients[n].client.connect(world.now, opened).unwrap();
    world.run_until(|world| world.state(n) == ClientState::Connected);
}

#[test]
fn a_token_sealed_twice_is_two_messages() {
    let Sealed {
        device,
        sealer,
        token,
        message,
    } = sealed();
    let mut other = [0; SEALED_TOKEN_BYTES];
    let mut rng = StdRng::seed_from_u64(2);
    seal_token(
        &CONTEXT,
        &sealer,
        &device.public(),
        &token,
        &mut rng,
        &mut other,
    )
    .unwrap();
    assert_ne!(message[1..33], other[1..33]);
    assert_ne!(message[33..], other[33..]);
}

#[test]
fn another_device_sealer_purpose_or_request_opens_nothing() {
    let Sealed {
        device,
        sealer,
        message,
        ..
    } = sealed();
    let mut rng = StdRng::seed_from_u64(3);
    let other_device = DeviceSecret::generate(&mut rng);
    let other_sealer = SealerSecret::generate(&mut rng).public();
    let other_protocol = SealContext {
        protocol_id: ProtocolId(1),
        ..CONTEXT
    };
    let other_id = SealContext {
        device_id: DeviceId(8),
        ..CONTEXT
    };
    let swapped = SealContext {
        protocol_id: ProtocolId(7),
        device_id: DeviceId(PROTOCOL.0),
        ..CONTEXT
    };
    let other_request = SealContext {
        nonce: DeviceNonce::generate(&mut rng),
        ..CONTEXT
    };
    let unasked = SealContext {
        nonce: DeviceNonce::NONE,
        ..CONTEXT
    };
    let public = sealer.public();
    let attempts = [
        (other_request, &device, &public),
        (unasked, &device, &public),
        (CONTEXT, &other_device, &public),
        (CONTEXT, &device, &other_sealer),
        (other_protocol, &device, &public),
        (other_id, &device, &public),
        (swapped, &device, &public),
    ];
    for (context, device, sealer) in attempts {
        let mut copy = message;
        let refused = open_token(&context, device, sealer, &mut copy);
        assert_eq!(refused, Err(OpenError::Unauthentic));
        assert_eq!(copy, [0; SEALED_TOKEN_BYTES], "nothing is left behind");
    }
}

#[test]
fn a_message_with_any_byte_flipped_is_refused() {
    let Sealed {
        device,
        sealer,
        message,
        ..
    } = sealed();
    let public = sealer.public();
    for at in 0..message.len() {
        let mut changed = message;
        // Both ends of the byte: X25519 itself ignores a key's top bit, RFC 9180 does not.
        changed[at] ^= 0x81;
        let refused = open_token(&CONTEXT, &device, &public, &mut changed).unwrap_err();
        let expected = if at == 0 {
            OpenError::Version { found: 2 ^ 0x81 }
        } else {
            OpenError::Unauthentic
        };
        assert_eq!(refused, expected, "byte {at}");
    }
}

#[test]
fn a_message_of_another_length_is_refused_and_left_alone() {
    let Sealed {
        device,
        sealer,
        message,
        ..
    } = sealed();
    for len in [
        0,
        1,
        33,
        2048,
        SEALED_TOKEN_BYTES - 1,
        SEALED_TOKEN_BYTES + 1,
    ] {
        let mut bytes = message.to_vec();
        bytes.resize(len, 0);
        let before = bytes.clone();
        let refused = open_token(&CONTEXT, &device, &sealer.public(), &mut bytes);
        assert_eq!(refused, Err(OpenError::Length { len }));
        assert_eq!(bytes, before);
    }
}

#[test]
fn a_key_of_low_order_is_neither_sealed_to_nor_opened() {
    let Sealed {
        device,
        sealer,
        token,
        mut message,
    } = sealed();
    let zero = DevicePublic::from_bytes([0; 32]);
    let mut rng = StdRng::seed_from_u64(3);
    let mut out = [7; SEALED_TOKEN_BYTES];
    let refused = seal_token(&CONTEXT, &sealer, &zero, &token, &mut rng, &mut out);
    assert_eq!(refused, Err(SealError));
    assert_eq!(out, [0; SEALED_TOKEN_BYTES]);
    message[1..33].fill(0);
    let refused = open_token(&CONTEXT, &device, &sealer.public(), &mut message);
    assert_eq!(refused, Err(OpenError::Unauthentic));
}

#[test]
fn secrets_are_wiped_when_dropped_and_never_printed() {
    fn wiped_when_dropped<T: zeroize::ZeroizeOnDrop>() {}
    wiped_when_dropped::<DeviceSecret>();
    wiped_when_dropped::<SealerSecret>();
    let text = format!("{:?}", DeviceSecret::from_bytes([0xab; 32]));
    assert_eq!(text, "DeviceSecret(..)");
    let text = format!("{:?}", SealerSecret::from_bytes([0xab; 32]));
    assert_eq!(text, "SealerSecret(..)");
}
