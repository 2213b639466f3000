//! Keys, and the [`Crypto`] trait that performs all authenticated encryption.
//!
//! The protocol needs a single primitive, ChaCha20-Poly1305 (RFC 8439); XChaCha20-Poly1305, which
//! seals connect tokens, is the same one under a derived key. A shell with a faster implementation
//! than [`RustCrypto`] implements two methods for both.

use core::fmt;
use core::str::FromStr;

use chacha20::{R20, hchacha};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, aead::inout::InOutBuf};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::standard::{KEY_BYTES, MAC_BYTES, PACKET_NONCE_BYTES, TOKEN_NONCE_BYTES};
use crate::wire::Reader;

/// A 32-byte secret key. Wiped when dropped, compared in constant time, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    pub(crate) const EMPTY: Self = Self([0; KEY_BYTES]);

    /// Creates a key from 32 bytes. The caller wipes its own copy.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Draws a random key.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self::EMPTY;
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Parses a key of exactly 64 hexadecimal digits of either case; also available as [`FromStr`].
    /// The caller wipes its own copy of the text.
    ///
    /// # Errors
    /// See [`ParseKeyError`], which reveals nothing of the text's content.
    pub fn from_hex(text: &str) -> Result<Self, ParseKeyError> {
        if text.len() != 2 * KEY_BYTES {
            return Err(ParseKeyError::Length { len: text.len() });
        }
        let (pairs, _) = text.as_bytes().as_chunks();
        let mut key = Self::EMPTY;
        for (byte, &[high, low]) in key.0.iter_mut().zip(pairs) {
            *byte = (digit(high)? << 4) | digit(low)?;
        }
        Ok(key)
    }

    /// Bytes of the secret, for a crypto implementation or for storage, not for logs.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

fn digit(character: u8) -> Result<u8, ParseKeyError> {
    let value = char::from(character).to_digit(16);
    value
        .and_then(|value| u8::try_from(value).ok())
        .ok_or(ParseKeyError::Digit)
}

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        Self::from_hex(text)
    }
}

/// Reason for which a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ParseKeyError {
    /// The text is not 64 digits long.
    Length {
        /// Length of the text, bytes.
        len: usize,
    },
    /// A character is not a hexadecimal digit.
    Digit,
}

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len } => write!(f, "a key is 64 hexadecimal digits, not {len} bytes"),
            Self::Digit => f.write_str("a key is 64 hexadecimal digits, and nothing else"),
        }
    }
}

impl core::error::Error for ParseKeyError {}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// MAC of a connect token's private part, which identifies the token. Compared in constant time.
#[derive(Clone, Copy)]
pub(crate) struct Mac(pub(crate) [u8; MAC_BYTES]);

impl Mac {
    pub(crate) const EMPTY: Self = Self([0; MAC_BYTES]);
}

impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Keys of a session, one for each direction.
#[derive(Clone, Debug, Zeroize, ZeroizeOnDrop)]
pub struct SessionKeys {
    /// Key for packets from client to server.
    pub client_to_server: Key,
    /// Key for packets from server to client.
    pub server_to_client: Key,
}

impl SessionKeys {
    pub(crate) const EMPTY: Self = Self {
        client_to_server: Key::EMPTY,
        server_to_client: Key::EMPTY,
    };

    /// Draws two random keys.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self {
            client_to_server: Key::generate(rng),
            server_to_client: Key::generate(rng),
        }
    }
}

impl PartialEq for SessionKeys {
    fn eq(&self, other: &Self) -> bool {
        // Not short-circuiting: both keys are compared, to take constant time.
        (self.client_to_server == other.client_to_server)
            & (self.server_to_client == other.server_to_client)
    }
}

impl Eq for SessionKeys {}

/// Authentication failure: the data was not sealed with this key, or was modified in transit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unauthentic;

impl fmt::Display for Unauthentic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not authentic under this key")
    }
}

impl core::error::Error for Unauthentic {}

/// Nonce of a packet or challenge token: four zero bytes, then the sequence, little-endian.
/// (Standard: *Encrypted Packets*.)
pub(crate) fn packet_nonce(sequence: u64) -> [u8; PACKET_NONCE_BYTES] {
    let [a, b, c, d, e, f, g, h] = sequence.to_le_bytes();
    [0, 0, 0, 0, a, b, c, d, e, f, g, h]
}

/// Provider of ChaCha20-Poly1305, in place. The 16-byte tag always follows the body, so both
/// methods take the two as one slice.
///
/// The core never passes a `body_and_tag` shorter than 16 bytes.
pub trait Crypto {
    /// Encrypts the body and writes the tag after it.
    fn seal(
        &self,
        key: &Key,
        nonce: &[u8; PACKET_NONCE_BYTES],
        associated_data: &[u8],
        body_and_tag: &mut [u8],
    );

    /// Verifies the tag in constant time and decrypts the body. The tag's bytes may change.
    ///
    /// # Errors
    /// [`Unauthentic`] if the tag does not match. The slice then contains no plaintext, and may
    /// have lost the ciphertext.
    fn open(
        &self,
        key: &Key,
        nonce: &[u8; PACKET_NONCE_BYTES],
        associated_data: &[u8],
        body_and_tag: &mut [u8],
    ) -> Result<(), Unauthentic>;
}

impl<C: Crypto + ?Sized> Crypto for &C {
    fn seal(&self, key: &Key, nonce: &[u8; 12], associated_data: &[u8], body_and_tag: &mut [u8]) {
        (**self).seal(key, nonce, associated_data, body_and_tag);
    }

    fn open(
        &self,
        key: &Key,
        nonce: &[u8; 12],
        associated_data: &[u8],
        body_and_tag: &mut [u8],
    ) -> Result<(), Unauthentic> {
        (**self).open(key, nonce, associated_data, body_and_tag)
    }
}

/// Default provider: the pure-Rust `chacha20poly1305` crate, which builds for every target.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

impl Crypto for RustCrypto {
    fn seal(&self, key: &Key, nonce: &[u8; 12], associated_data: &[u8], body_and_tag: &mut [u8]) {
        let Some((body, tag)) = body_and_tag.split_last_chunk_mut::<MAC_BYTES>() else {
            return;
        };
        let cipher = ChaCha20Poly1305::new(key.as_bytes().into());
        let sealed =
            cipher.encrypt_inout_detached(nonce.into(), associated_data, InOutBuf::from(body));
        // Encryption fails only for bodies of 256 GiB; a zero tag would then never authenticate.
        *tag = sealed.map_or([0; MAC_BYTES], Into::into);
    }

    fn open(
        &self,
        key: &Key,
        nonce: &[u8; 12],
        associated_data: &[u8],
        body_and_tag: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let (body, tag) = body_and_tag
            .split_last_chunk_mut::<MAC_BYTES>()
            .ok_or(Unauthentic)?;
        let cipher = ChaCha20Poly1305::new(key.as_bytes().into());
        cipher
            .decrypt_inout_detached(
                nonce.into(),
                associated_data,
                InOutBuf::from(body),
                (&*tag).into(),
            )
            .map_err(|_| Unauthentic)
    }
}

/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): ChaCha20-Poly1305 under a key derived from
/// the first 16 nonce bytes, with four zero bytes and the last 8 as its nonce.
fn extended(key: &Key, nonce: &[u8; TOKEN_NONCE_BYTES]) -> (Key, [u8; PACKET_NONCE_BYTES]) {
    let mut fields = Reader::new(nonce);
    // A 24-byte nonce holds 16 and 8 bytes: the defaults are never used.
    let salt = fields.array::<16>().copied().unwrap_or_default();
    let tail = fields.u64().unwrap_or_default();
    let derived: Zeroizing<[u8; KEY_BYTES]> =
        Zeroizing::new(hchacha::<R20>(key.as_bytes().into(), &salt.into()).into());
    (Key(*derived), packet_nonce(tail))
}

/// Seals a token's private part: XChaCha20-Poly1305 through `crypto`.
pub(crate) fn seal_extended(
    crypto: &impl Crypto,
    key: &Key,
    nonce: &[u8; TOKEN_NONCE_BYTES],
    associated_data: &[u8],
    body_and_tag: &mut [u8],
) {
    let (key, nonce) = extended(key, nonce);
    crypto.seal(&key, &nonce, associated_data, body_and_tag);
}

/// Opens a token's private part: XChaCha20-Poly1305 through `crypto`.
pub(crate) fn open_extended(
    crypto: &impl Crypto,
    key: &Key,
    nonce: &[u8; TOKEN_NONCE_BYTES],
    associated_data: &[u8],
    body_and_tag: &mut [u8],
) -> Result<(), Unauthentic> {
    let (key, nonce) = extended(key, nonce);
    crypto.open(&key, &nonce, associated_data, body_and_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_is_four_zero_bytes_and_the_sequence() {
        assert_eq!(packet_nonce(0x0102), [0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            packet_nonce(u64::MAX),
            [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]
        );
    }

    #[test]
    fn a_key_is_read_from_64_digits_and_from_nothing_else() {
        let text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFf";
        let mut bytes: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        bytes[31] = 0xff;
        assert_eq!(text.parse(), Ok(Key::from_bytes(bytes)));
        assert_eq!(
            Key::from_hex(&text[1..]),
            Err(ParseKeyError::Length { len: 63 })
        );
        assert_eq!(
            Key::from_hex(&format!("{text}\n")),
            Err(ParseKeyError::Length { len: 65 })
        );
        for strange in ["g0", "+0", " 0", "é"] {
            let text = format!("{strange}{}", &text[2..]);
            assert_eq!(Key::from_hex(&text), Err(ParseKeyError::Digit));
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let printed = format!("{:?}", Key::from_bytes([0xab; 32]));
        assert_eq!(printed, "Key(..)");
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn the_extended_construction_matches_the_published_vector() {
        let key: [u8; 32] = core::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
        let nonce: [u8; 24] = core::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
        let aad = hex::decode("50515253c0c1c2c3c4c5c6c7").unwrap();
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one \
                      tip for the future, sunscreen would be it.";
        let mut sealed = [plain.as_slice(), &[0; 16]].concat();
        let key = Key::from_bytes(key);
        seal_extended(&RustCrypto, &key, &nonce, &aad, &mut sealed);
        assert_eq!(
            hex::encode(&sealed[plain.len()..]),
            "c0875924c1c7987947deafd8780acf49"
        );
        assert_eq!(hex::encode(&sealed[..8]), "bd6d179d3e83d43b");
        open_extended(&RustCrypto, &key, &nonce, &aad, &mut sealed).unwrap();
        assert_eq!(&sealed[..plain.len()], plain);
    }
}
