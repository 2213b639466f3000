//! Connect tokens sealed to a device: for devices that have no TLS to fetch one over.
//!
//! A device holds an X25519 key pair and knows the public key of its backend, the *sealer*. The
//! backend knows the device's public key, and seals a token to it by HPKE (RFC 9180) in
//! authenticated mode: only the device can open the message, and it knows who sealed it. The
//! message can then travel over anything.
//!
//! ```
//! use netcode_core::ProtocolId;
//! use netcode_core::sealed::{
//!     DeviceId, DeviceSecret, SEALED_TOKEN_BYTES, SealContext, SealerSecret, open_token,
//!     seal_token,
//! };
//! use rand::SeedableRng as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand::rngs::StdRng::seed_from_u64(1);
//! # let token = [7; 2048];
//! // Once, at the factory: each keeps its secret and tells the other its public key.
//! let device = DeviceSecret::generate(&mut rng);
//! let backend = SealerSecret::generate(&mut rng);
//!
//! // The backend, whenever the device asks for a token.
//! let context = SealContext { protocol_id: ProtocolId(42), device_id: DeviceId(7) };
//! let mut message = [0; SEALED_TOKEN_BYTES];
//! seal_token(&context, &backend, &device.public(), &token, &mut rng, &mut message)?;
//!
//! // The device: what it opens goes to `Client::connect`.
//! let opened = open_token(&context, &device, &backend.public(), &mut message)?;
//! assert_eq!(*opened, token);
//! # Ok(())
//! # }
//! ```
//!
//! # The message
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version, 1 |
//! | 32 | encapsulated key |
//! | 2048 | the token, sealed |
//! | 16 | tag |
//!
//! Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, mode *auth*, one message for
//! each encapsulated key. `info` is the ASCII text `NETCODE SEALED TOKEN`, a zero byte, the
//! protocol id and the device id as little-endian `u64`; the associated data is the version byte.
//!
//! What a message cannot say is that it is *new*: a recorded one opens again. The token in it
//! expires, and opens one session; that is what keeps it from being worth anything.
//!
//! HPKE comes from the `hpke` crate: on a Cortex-M3 opening by it takes 428 bytes of code more
//! than by hand from the same primitives (22,568 and 22,140 with them).

mod keys;
mod suite;
mod token;

pub use keys::{DevicePublic, DeviceSecret, SealerPublic, SealerSecret};
pub use token::{
    DeviceId, OpenError, SEALED_TOKEN_BYTES, SealContext, SealError, open_token, seal_token,
};
