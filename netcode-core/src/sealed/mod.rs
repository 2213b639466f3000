//! Connect tokens sealed to a device's X25519 key, for devices without TLS.
//!
//! A device holds an X25519 key pair and knows the public key of its backend, the *sealer*. The
//! backend knows the device's public key, and seals a token to it by HPKE (RFC 9180) in
//! authenticated mode: only the device can open the message, and it can verify the sealer. Any
//! channel can carry the message.
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
//! // Once, at the factory: each keeps its secret key and gives the other its public key.
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
//! // The device opens the token and passes it to `Client::connect`.
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
//! A token establishes one session, but only the server records that it has. A device that uses a
//! token twice starts again at sequence 0 under the same keys: an attacker that recorded the
//! session can replay the server's packets, including old commands, and two plaintexts are sealed
//! with one nonce. So a device must not use a token twice, not even after a power cut. Its means to
//! detect that depend on its hardware:
//!
//! | the device has | it uses | a replayed token | cost |
//! | --- | --- | --- | --- |
//! | a channel to the backend, and hardware randomness | a new [`DeviceNonce`] in each request | never opens | 16 bytes per request |
//! | memory across a power cut | [`Client::accept_only_newer_than`], stored before sending | is rejected for ever | a write per token; a second between two tokens |
//! | a trusted clock | [`Client::set_unix_time`] | opens again after a restart, until it expires | |
//! | none of them | [`DeviceNonce::NONE`] alone | **opens again after every restart, for ever** | |
//!
//! Use the first that the device supports; they can be combined. While a device runs, its
//! [`Client`](crate::client::Client) in any case rejects the latest eight tokens that established a
//! session. Never keep a token across a reset to connect with it again.
//!
//! [`Client::accept_only_newer_than`]: crate::client::Client::accept_only_newer_than
//! [`Client::set_unix_time`]: crate::client::Client::set_unix_time
//!
//! HPKE is implemented by the `hpke` crate: on a Cortex-M3 it takes 428 bytes of code more than a
//! hand-written combination of the same primitives (22,568 bytes instead of 22,140, primitives
//! included).

mod keys;
mod suite;
mod token;

pub use keys::{DevicePublic, DeviceSecret, SealerPublic, SealerSecret};
pub use token::{
    DEVICE_NONCE_BYTES, DeviceId, DeviceNonce, OpenError, SEALED_TOKEN_BYTES, SealContext,
    SealError, open_token, seal_token,
};
