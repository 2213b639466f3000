//! Connect tokens and challenge tokens (standard: *Connect Token*, *Challenge Token*).
//!
//! - [`mint()`]: creates a [`ConnectToken`] in a backend, with the private key, which clients never
//!   have.
//! - [`PublicToken`]: the fields that a client reads, without a key.
//! - [`PrivateToken`]: the fields that a server reads, with the private key.
//! - [`ChallengeToken`]: a server's challenge, by which a client proves that it receives packets at
//!   its address.

mod challenge;
mod connect;
mod mint;
mod private;

pub use challenge::ChallengeToken;
pub use connect::{ConnectToken, PublicToken, TokenError};
pub use mint::{MintError, TokenSpec, mint, mint_into, mint_with};
pub use private::PrivateToken;
