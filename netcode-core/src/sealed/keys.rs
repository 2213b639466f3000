//! Four kinds of X25519 keys, each a type of its own: a device's and a sealer's, secret and
//! public. None can take another's place.

use core::fmt;

use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::standard::KEY_BYTES;

pub(super) type KemSecret = <X25519HkdfSha256 as Kem>::PrivateKey;
pub(super) type KemPublic = <X25519HkdfSha256 as Kem>::PublicKey;

macro_rules! key_pair {
    ($(#[$secret_doc:meta])* $secret:ident, $(#[$public_doc:meta])* $public:ident) => {
        $(#[$secret_doc])*
        ///
        /// Wiped when dropped, never printed.
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $secret([u8; KEY_BYTES]);

        impl $secret {
            /// Draws a key.
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let mut bytes = [0; KEY_BYTES];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// Takes 32 bytes as a key. The caller's own copy is the caller's to wipe.
            pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
                Self(bytes)
            }

            /// The secret itself: for storage, not for logs.
            pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }

            /// The public key that belongs to it.
            pub fn public(&self) -> $public {
                let mut bytes = [0; KEY_BYTES];
                if let Some(secret) = self.to_kem() {
                    X25519HkdfSha256::sk_to_pk(&secret).write_exact(&mut bytes);
                }
                $public(bytes)
            }

            /// `None` never happens: any 32 bytes are an X25519 key.
            pub(super) fn to_kem(&self) -> Option<KemSecret> {
                KemSecret::from_bytes(&self.0).ok()
            }
        }

        impl fmt::Debug for $secret {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($secret), "(..)"))
            }
        }

        $(#[$public_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $public([u8; KEY_BYTES]);

        impl $public {
            /// Takes 32 bytes as a key.
            pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
                Self(bytes)
            }

            /// The bytes of the key.
            pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }

            /// `None` never happens: any 32 bytes are an X25519 key. A key of low order is
            /// refused where it is used.
            pub(super) fn to_kem(self) -> Option<KemPublic> {
                KemPublic::from_bytes(&self.0).ok()
            }
        }
    };
}

key_pair! {
    /// What a device opens its tokens with. It stays on the device.
    DeviceSecret,
    /// What tokens are sealed to: the backend knows it for each of its devices.
    DevicePublic
}

key_pair! {
    /// What a backend seals with, to show that it was it.
    SealerSecret,
    /// The backend, as its devices know it: pinned in their firmware.
    SealerPublic
}
