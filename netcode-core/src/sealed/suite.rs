//! HPKE in the suite and mode used here (RFC 9180, sections 5.1.3 and 6.1): single-shot, in place.

use hpke::aead::{AeadTag, ChaCha20Poly1305};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable,
    single_shot_open_inout_detached, single_shot_seal_inout_detached_with_rng,
};
use rand_core::CryptoRng;

use super::keys::{DevicePublic, DeviceSecret, SealerPublic, SealerSecret};

pub(super) const ENCAPSULATED_KEY_BYTES: usize = 32;
pub(super) const TAG_BYTES: usize = 16;

type Secret = <X25519HkdfSha256 as Kem>::PrivateKey;
type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type EncappedKey = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Seals `body` in place; returns the encapsulated key and the tag.
pub(super) fn seal(
    from: &SealerSecret,
    to: &DevicePublic,
    info: &[u8],
    associated_data: &[u8],
    body: &mut [u8],
    rng: &mut impl CryptoRng,
) -> Result<([u8; ENCAPSULATED_KEY_BYTES], [u8; TAG_BYTES]), HpkeError> {
    let secret = Secret::from_bytes(from.as_bytes())?;
    let public = Public::from_bytes(from.public().as_bytes())?;
    let to = Public::from_bytes(to.as_bytes())?;
    let (key, tag) =
        single_shot_seal_inout_detached_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Auth((secret, public)),
            &to,
            info,
            InOutBuf::from(body),
            associated_data,
            rng,
        )?;
    let mut written = ([0; ENCAPSULATED_KEY_BYTES], [0; TAG_BYTES]);
    key.write_exact(&mut written.0);
    tag.write_exact(&mut written.1);
    Ok(written)
}

/// Opens `body` in place. After an error its content is useless.
pub(super) fn open(
    from: &SealerPublic,
    to: &DeviceSecret,
    info: &[u8],
    associated_data: &[u8],
    encapsulated_key: &[u8; ENCAPSULATED_KEY_BYTES],
    body: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), HpkeError> {
    let from = Public::from_bytes(from.as_bytes())?;
    single_shot_open_inout_detached::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Auth(from),
        &Secret::from_bytes(to.as_bytes())?,
        &EncappedKey::from_bytes(encapsulated_key)?,
        info,
        InOutBuf::from(body),
        associated_data,
        &AeadTag::from_bytes(tag)?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).unwrap();
        bytes
    }

    /// RFC 9180, appendix A.2.3: this suite in mode *auth*, first message.
    #[test]
    fn the_answer_of_the_rfc_opens() {
        let device = DeviceSecret::from_bytes(bytes(
            "3ca22a6d1cda1bb9480949ec5329d3bf0b080ca4c45879c95eddb55c70b80b82",
        ));
        let sealer = SealerSecret::from_bytes(bytes(
            "2def0cb58ffcf83d1062dd085c8aceca7f4c0c3fd05912d847b61f3e54121f05",
        ));
        assert_eq!(
            *device.public().as_bytes(),
            bytes("1a478716d63cb2e16786ee93004486dc151e988b34b475043d3e0175bdb01c44")
        );
        assert_eq!(
            *sealer.public().as_bytes(),
            bytes("f0f4f9e96c54aeed3f323de8534fffd7e0577e4ce269896716bcb95643c8712b")
        );
        let sealed: [u8; 45] = bytes(
            "ab1a13c9d4f01a87ec3440dbd756e2677bd2ecf9df0ce7ed73869b98e00c09be111cb9fdf077347aeb88e61bdf",
        );
        let (body, tag) = sealed.split_at(29);
        let mut body = body.to_vec();
        open(
            &sealer.public(),
            &device,
            b"Ode on a Grecian Urn",
            b"Count-0",
            &bytes("f7674cc8cd7baa5872d1f33dbaffe3314239f6197ddf5ded1746760bfc847e0e"),
            &mut body,
            tag.try_into().unwrap(),
        )
        .unwrap();
        assert_eq!(body, b"Beauty is truth, truth beauty");
    }

    /// The same message, sealed: the generator returns the RFC's `ikmE`, from which the ephemeral
    /// key is derived.
    #[test]
    fn the_answer_of_the_rfc_is_what_is_sealed() {
        let sealer = SealerSecret::from_bytes(bytes(
            "2def0cb58ffcf83d1062dd085c8aceca7f4c0c3fd05912d847b61f3e54121f05",
        ));
        let device = DevicePublic::from_bytes(bytes(
            "1a478716d63cb2e16786ee93004486dc151e988b34b475043d3e0175bdb01c44",
        ));
        let mut rng = Given(bytes(
            "938d3daa5a8904540bc24f48ae90eed3f4f7f11839560597b55e7c9598c996c0",
        ));
        let mut body = *b"Beauty is truth, truth beauty";
        let info = b"Ode on a Grecian Urn";
        let (key, tag) = seal(&sealer, &device, info, b"Count-0", &mut body, &mut rng).unwrap();
        assert_eq!(
            key,
            bytes("f7674cc8cd7baa5872d1f33dbaffe3314239f6197ddf5ded1746760bfc847e0e")
        );
        let sealed = [&body[..], &tag[..]].concat();
        assert_eq!(
            hex::encode(sealed),
            "ab1a13c9d4f01a87ec3440dbd756e2677bd2ecf9df0ce7ed73869b98e00c09be111cb9fdf077347aeb88e61bdf"
        );
    }

    /// A generator that returns these bytes.
    struct Given([u8; 32]);

    impl rand_core::TryRng for Given {
        type Error = core::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            unreachable!("only bytes are asked for")
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            unreachable!("only bytes are asked for")
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.copy_from_slice(&self.0);
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for Given {}
}
