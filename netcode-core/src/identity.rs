//! Newtypes for ids, indices and sequences, which keep them from being confused.

use core::fmt;
use core::time::Duration;

use zeroize::Zeroize;

use crate::standard::{TOKEN_NONCE_BYTES, USER_DATA_BYTES};

macro_rules! number {
    ($(#[$attribute:meta])* $name:ident($inner:ty)) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Client id, assigned by the web backend. Unique among the connected clients of a server.
    ClientId(u64)
}

number! {
    /// Protocol id: application and version. Clients and servers with different ids cannot connect.
    ProtocolId(u64)
}

number! {
    /// Index of a client's slot on its server, `0..max_clients`. It is reused only after the
    /// server's owner has taken the disconnect event of its last client.
    #[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
    #[cfg_attr(feature = "serde", serde(transparent))]
    ClientIndex(u32)
}

impl ClientIndex {
    /// Index into a table with one entry per slot.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Index of the slot at entry `id` of the table, which has fewer than 2³² entries.
    pub(crate) fn of_slot(id: usize) -> Self {
        Self(u32::try_from(id).unwrap_or(u32::MAX))
    }
}

impl From<ClientIndex> for usize {
    fn from(client: ClientIndex) -> Self {
        client.index()
    }
}

number! {
    /// Sequence number of a packet, per direction and session. It forms the nonce, so it never
    /// repeats under one key.
    Sequence(u64)
}

/// Nonce of a connect token's private part: 24 random bytes. Not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TokenNonce(pub [u8; TOKEN_NONCE_BYTES]);

/// User data: 256 bytes from the backend for the server, which the client can neither read nor
/// change.
#[derive(Clone, PartialEq, Eq)]
pub struct UserData(pub [u8; USER_DATA_BYTES]);

impl UserData {
    /// All zeros.
    pub const ZERO: Self = Self([0; USER_DATA_BYTES]);

    /// User data of `bytes`, padded with zeros.
    ///
    /// # Errors
    /// [`UserDataTooLong`] for more than 256 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, UserDataTooLong> {
        let mut data = Self::ZERO;
        data.0
            .get_mut(..bytes.len())
            .ok_or(UserDataTooLong { len: bytes.len() })?
            .copy_from_slice(bytes);
        Ok(data)
    }
}

impl Default for UserData {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Zeroize for UserData {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

// User data may identify a person, so it is not printed.
impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserData(..)")
    }
}

/// Error of user data longer than 256 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct UserDataTooLong {
    /// Length given, bytes.
    pub len: usize,
}

impl fmt::Display for UserDataTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "user data of {} bytes is longer than {USER_DATA_BYTES}; shorten it",
            self.len
        )
    }
}

impl core::error::Error for UserDataTooLong {}

/// Timeout of a connection: the token's *timeout seconds*, the time without packets after which the
/// connection is lost.
///
/// A signed number on the wire. Positive values are seconds; zero and negative values disable the
/// timeout (as in the reference implementation, which compares with `> 0`). A server limits the
/// time of the *handshake* in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Timeout(i32);

impl Timeout {
    /// No timeout. Encoded as −1.
    pub const NEVER: Self = Self(-1);

    /// A timeout of `seconds`; zero or less disables it.
    pub const fn from_secs(seconds: i32) -> Self {
        Self(seconds)
    }

    /// Encoded number of seconds.
    pub const fn as_secs(self) -> i32 {
        self.0
    }

    /// Timeout as a duration; `None` if disabled.
    pub const fn as_duration(self) -> Option<Duration> {
        if self.0 <= 0 {
            return None;
        }
        Some(Duration::from_secs(self.0.unsigned_abs() as u64))
    }

    /// Timeout in microseconds; `None` if disabled.
    pub(crate) fn as_micros(self) -> Option<u64> {
        match u64::try_from(self.0) {
            Ok(seconds) if seconds > 0 => Some(seconds.saturating_mul(1_000_000)),
            _ => None,
        }
    }
}
