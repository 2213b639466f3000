//! Tokens sealed to a device, changed before and after sealing, opened in the right and in wrong
//! contexts: a message opens only as it was sealed, and a failure leaves nothing behind.

use arbitrary::{Result, Unstructured};
use netcode_core::ProtocolId;
use netcode_core::sealed::{
    DeviceId, DeviceNonce, DevicePublic, DeviceSecret, OpenError, SEALED_TOKEN_BYTES, SealContext,
    SealerPublic, SealerSecret, open_token, seal_token,
};
use netcode_core::token::{ConnectToken, PublicToken};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::forge::{Edits, PROTOCOL_ID, UNIX, choose};
use crate::ticket::Ticket;

/// Runs one input.
pub fn sealed_tokens(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let _ = run(&mut input);
}

fn context(input: &mut Unstructured<'_>) -> Result<SealContext> {
    let nonce = match choose(input, 3)? {
        0 => DeviceNonce::NONE,
        other => DeviceNonce::from_bytes([other; 16]),
    };
    Ok(SealContext {
        protocol_id: ProtocolId(PROTOCOL_ID + u64::from(choose(input, 4)? / 3)),
        device_id: DeviceId(u64::from(choose(input, 4)? / 3)),
        nonce,
    })
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    if choose(input, 4)? == 0 {
        return any_message(input);
    }
    let sealed_in = context(input)?;
    let opened_in = match choose(input, 2)? {
        0 => sealed_in,
        _ => context(input)?,
    };
    let sealer = SealerSecret::from_bytes([1 + choose(input, 2)?; 32]);
    let device = DeviceSecret::from_bytes([3 + choose(input, 2)?; 32]);
    let expected = SealerSecret::from_bytes([1 + choose(input, 2)?; 32]).public();
    let target = match choose(input, 8)? {
        // Of low order, or any other bytes.
        0 => DevicePublic::from_bytes([choose(input, 3)?; 32]),
        1 => DevicePublic::from_bytes(input.arbitrary()?),
        _ => device.public(),
    };
    let mut bytes = Ticket::new(1, 7, UNIX, &[([10, 0, 0, 1], 40_000).into()]).token();
    Edits::decode(input)?.apply(&mut bytes);
    bytes.resize(2048, 0);
    let token = ConnectToken::try_from(bytes.as_slice()).expect("2048 bytes");
    let mut rng = StdRng::seed_from_u64(input.arbitrary::<u8>()?.into());
    let mut message = [0; SEALED_TOKEN_BYTES];
    if seal_token(&sealed_in, &sealer, &target, &token, &mut rng, &mut message).is_err() {
        assert_eq!(message, [0; SEALED_TOKEN_BYTES]);
        return Ok(());
    }
    let mut message = message.to_vec();
    let changed = Edits::decode(input)?.apply(&mut message);
    let same = opened_in == sealed_in
        && expected.as_bytes() == sealer.public().as_bytes()
        && target.as_bytes() == device.public().as_bytes();
    match open_token(&opened_in, &device, &expected, &mut message) {
        Ok(opened) => {
            assert!(same && !changed, "a message opened that was not sealed so");
            assert_eq!(opened.as_slice(), bytes);
            let _ = PublicToken::parse(opened);
        }
        Err(error) => {
            assert!(!same || changed, "a good message does not open: {error}");
            let length = matches!(error, OpenError::Length { .. });
            assert!(length || message.iter().all(|byte| *byte == 0));
        }
    }
    Ok(())
}

/// Unsealed bytes, of the right length or not.
fn any_message(input: &mut Unstructured<'_>) -> Result<()> {
    let context = context(input)?;
    let device = DeviceSecret::from_bytes([3; 32]);
    let sealer = SealerPublic::from_bytes(match choose(input, 2)? {
        0 => *SealerSecret::from_bytes([1; 32]).public().as_bytes(),
        _ => input.arbitrary()?,
    });
    let right_length = choose(input, 2)? == 0;
    let mut message = input.bytes(input.len())?.to_vec();
    if right_length {
        message.resize(SEALED_TOKEN_BYTES, 0);
    }
    assert!(open_token(&context, &device, &sealer, &mut message).is_err());
    Ok(())
}
