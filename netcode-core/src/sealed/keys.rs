//! Four kinds of X25519 keys, each a type of its own: a device's and a sealer's, secret and
//! public. None can take another's place.

use core::fmt;

use rand_core::CryptoRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::standard::KEY_BYTES;

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
                let secret = StaticSecret::from(self.0);
                $public(PublicKey::from(&secret).to_bytes())
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
            /// Takes 32 bytes as a key. One of low order is refused where it is used.
            pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
                Self(bytes)
            }

            /// The bytes of the key.
            pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
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
