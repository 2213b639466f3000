//! X25519 keys: secret and public, of a device and of a sealer, each with its own type so that none
//! can be used in place of another.

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
            /// Draws a random key.
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let mut bytes = [0; KEY_BYTES];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// Creates a key from 32 bytes. The caller wipes its own copy.
            pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
                Self(bytes)
            }

            /// Bytes of the secret, for storage, not for logs.
            pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }

            /// Public key that belongs to this secret.
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
            /// Creates a key from 32 bytes. A key of low order is rejected when it is used.
            pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
                Self(bytes)
            }

            /// Bytes of the key.
            pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
                &self.0
            }
        }
    };
}

key_pair! {
    /// Secret key of a device, which opens its tokens. It never leaves the device.
    DeviceSecret,
    /// Public key of a device, which tokens are sealed to. The backend knows that of each of its
    /// devices.
    DevicePublic
}

key_pair! {
    /// Secret key of a sealer, which authenticates the tokens it seals.
    SealerSecret,
    /// Public key of a sealer, pinned in the firmware of its devices.
    SealerPublic
}
