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
//!     DeviceId, DeviceNonce, DeviceSecret, SEALED_TOKEN_BYTES, SealContext, SealerSecret,
//!     open_token, seal_token,
//! };
//! use rand::SeedableRng as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand::rngs::StdRng::seed_from_u64(1);
//! # let token = netcode_core::token::ConnectToken::new();
//! // Once, at the factory: each keeps its secret and tells the other its public key.
//! let device = DeviceSecret::generate(&mut rng);
//! let backend = SealerSecret::generate(&mut rng);
//!
//! // The device asks for a token: it sends its id and a nonce.
//! let nonce = DeviceNonce::generate(&mut rng);
//!
//! // The backend answers that request, and no other.
//! let context = SealContext { protocol_id: ProtocolId(42), device_id: DeviceId(7), nonce };
//! let mut message = [0; SEALED_TOKEN_BYTES];
//! seal_token(&context, &backend, &device.public(), &token, &mut rng, &mut message)?;
//!
//! // The device: what it opens goes to `Client::connect`.
//! let opened = open_token(&context, &device, &backend.public(), &mut message)?;
//! assert_eq!(opened, token.as_bytes());
//! # Ok(())
//! # }
//! ```
//!
//! # The message
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version, 2 |
//! | 32 | encapsulated key |
//! | 2048 | the token, sealed |
//! | 16 | tag |
//!
//! Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, mode *auth*, one message for
//! each encapsulated key. `info` is the ASCII text `NETCODE SEALED TOKEN`, a zero byte, the
//! protocol id and the device id as little-endian `u64`, and the device's nonce (16 bytes); the
//! associated data is the version byte.
//!
//! # Replayed tokens
//!
//! A token opens one session, but only the server remembers that it has. A device that takes a
//! token a second time begins again at sequence 0 under the same keys: whoever recorded the session
//! can play the server's part of it again, old commands included, and two plain texts are sealed
//! with one nonce. So a device must not take a token twice, not even after a power cut. How it can
//! tell depends on what it has:
//!
//! | the device has | it uses | a recorded token, played to it | cost |
//! | --- | --- | --- | --- |
//! | a way to ask, and hardware randomness | a new [`DeviceNonce`] in each request | never opens | 16 bytes a request |
//! | memory across a power cut | [`Client::accept_only_newer_than`], stored before sending | is refused for good | a write a token; a second between two tokens |
//! | a date that it can trust | [`Client::set_unix_time`] | opens again after a restart, until it expires | |
//! | none of them | [`DeviceNonce::NONE`] alone | **opens again after every restart, for ever** | |
//!
//! Take the first that the device can do; they add up. While a device runs, its
//! [`Client`](crate::client::Client) refuses the latest eight tokens that opened a session in any
//! case. Never keep a token across a reset to connect with it again.
//!
//! [`Client::accept_only_newer_than`]: crate::client::Client::accept_only_newer_than
//! [`Client::set_unix_time`]: crate::client::Client::set_unix_time
//!
//! HPKE comes from the `hpke` crate: on a Cortex-M3 opening by it takes 428 bytes of code more
//! than by hand from the same primitives (22,568 and 22,140 with them).

mod keys;
mod suite;
mod token;

pub use keys::{DevicePublic, DeviceSecret, SealerPublic, SealerSecret};
pub use token::{
    DEVICE_NONCE_BYTES, DeviceId, DeviceNonce, OpenError, SEALED_TOKEN_BYTES, SealContext,
    SealError, open_token, seal_token,
};
