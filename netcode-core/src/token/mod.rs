//! Connect tokens and challenge tokens (standard: *Connect Token*, *Challenge Token*).
//!
//! - [`mint`]: a backend makes a [`ConnectToken`]. It holds the private key; clients never do.
//! - [`PublicToken`]: what a client reads of it, without a key.
//! - [`PrivateToken`]: what a server reads of it, with the private key.
//! - [`ChallengeToken`]: what a server gives a client to prove that it receives at its address.

mod challenge;
mod connect;
mod mint;
mod private;

pub use challenge::ChallengeToken;
pub use connect::{ConnectToken, PublicToken, TokenError};
pub use mint::{MintError, TokenSpec, mint, mint_into, mint_with};
pub use private::PrivateToken;
