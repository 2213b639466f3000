//! ChaCha20-Poly1305 by AWS-LC: assembly where the processor has it.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use netcode_core::crypto::{Crypto, Key, Unauthentic};

/// Crypto of this crate's clients and servers with feature `native-crypto`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeCrypto;

fn prepared(key: &Key) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes())
        .ok()
        .map(LessSafeKey::new)
}

impl Crypto for NativeCrypto {
    fn seal(&self, key: &Key, nonce: &[u8; 12], associated_data: &[u8], body_and_tag: &mut [u8]) {
        let Some((body, tag)) = body_and_tag.split_last_chunk_mut::<16>() else {
            return;
        };
        let sealed = prepared(key).and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(*nonce);
            key.seal_in_place_separate_tag(nonce, Aad::from(associated_data), body)
                .ok()
        });
        match sealed {
            Some(sealed) => tag.copy_from_slice(sealed.as_ref()),
            // Only lack of memory can fail here. Nothing may leave unencrypted then.
            None => body_and_tag.fill(0),
        }
    }

    fn open(
        &self,
        key: &Key,
        nonce: &[u8; 12],
        associated_data: &[u8],
        body_and_tag: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let key = prepared(key).ok_or(Unauthentic)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = key.open_in_place(nonce, Aad::from(associated_data), body_and_tag);
        opened.map(|_| ()).map_err(|_| Unauthentic)
    }
}

#[cfg(test)]
mod tests {
    use netcode_core::crypto::RustCrypto;

    use super::*;

    #[test]
    fn it_seals_and_opens_what_the_pure_rust_crypto_does() {
        let key = Key::from_bytes([9; 32]);
        for len in [0, 1, 15, 16, 17, 63, 64, 65, 308, 1200] {
            let mut native = vec![0x5a; len + 16];
            let mut pure = native.clone();
            NativeCrypto.seal(&key, &[3; 12], b"data", &mut native);
            RustCrypto.seal(&key, &[3; 12], b"data", &mut pure);
            assert_eq!(native, pure);
            assert_eq!(
                NativeCrypto.open(&key, &[3; 12], b"data", &mut pure),
                Ok(())
            );
            assert_eq!(pure[..len], vec![0x5a; len]);
            native[len / 2] ^= 1;
            assert_eq!(
                NativeCrypto.open(&key, &[3; 12], b"data", &mut native),
                Err(Unauthentic)
            );
        }
    }
}
