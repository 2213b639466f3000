//! Newtypes for ids, indices and other numbers, so that none is taken for another.

use core::fmt;
use core::time::Duration;

use zeroize::Zeroize;

use crate::standard::{TOKEN_NONCE_BYTES, USER_DATA_BYTES};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
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
    /// A client's id, as the web backend knows it. Unique among connected clients of a server.
    ClientId(u64)
}

number! {
    /// The application and its version. Clients and servers that differ here never talk.
    ProtocolId(u64)
}

number! {
    /// A client's slot on its server, `0..max_clients`. It is reused only after the server's
    /// owner has taken the event that its last client left.
    ClientIndex(u32)
}

impl ClientIndex {
    /// The index for tables with an entry for each slot.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The index of a table's entry: no table has more than 2³² of them.
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
    /// A packet's number in its direction and session; with the key it makes the nonce, so it
    /// never repeats under one key.
    Sequence(u64)
}

/// The 24 random bytes that make a connect token's private part unique. Not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TokenNonce(pub [u8; TOKEN_NONCE_BYTES]);

/// 256 bytes the backend wants the server to have; the client cannot read or change them.
#[derive(Clone, PartialEq, Eq)]
pub struct UserData(pub [u8; USER_DATA_BYTES]);

impl UserData {
    /// All zeros.
    pub const ZERO: Self = Self([0; USER_DATA_BYTES]);

    /// `bytes` with zeros behind them.
    ///
    /// # Errors
    /// More than 256 bytes do not fit.
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

// What a backend puts here may identify a person, so a log line must not spill it.
impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserData(..)")
    }
}

/// User data holds 256 bytes at most; shorten it to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct UserDataTooLong {
    /// The length that was asked for, bytes.
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

/// The silence after which a connection counts as lost: the token's *timeout seconds*.
///
/// On the wire it is a signed number. Above zero it is seconds; zero and everything below mean
/// that silence never ends the connection (as in the reference, which compares with `> 0`). A
/// server bounds the *handshake* in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timeout(i32);

impl Timeout {
    /// Silence never ends the connection. Travels as −1.
    pub const NEVER: Self = Self(-1);

    /// A timeout of this many seconds; zero or less means never.
    pub const fn from_secs(seconds: i32) -> Self {
        Self(seconds)
    }

    /// The number as it travels.
    pub const fn as_secs(self) -> i32 {
        self.0
    }

    /// The limit, or `None` if there is none.
    pub const fn as_duration(self) -> Option<Duration> {
        if self.0 <= 0 {
            return None;
        }
        Some(Duration::from_secs(self.0.unsigned_abs() as u64))
    }

    /// The limit in microseconds, or `None` if there is none.
    pub(crate) fn as_micros(self) -> Option<u64> {
        match u64::try_from(self.0) {
            Ok(seconds) if seconds > 0 => Some(seconds.saturating_mul(1_000_000)),
            _ => None,
        }
    }
}
