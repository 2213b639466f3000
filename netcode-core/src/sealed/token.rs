//! Sealed token message: a version byte, an encapsulated key, the token, a tag.

use core::fmt;

use heapless::Vec;
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::keys::{DevicePublic, DeviceSecret, SealerPublic, SealerSecret};
use super::suite::{self, ENCAPSULATED_KEY_BYTES, TAG_BYTES};
use crate::identity::ProtocolId;
use crate::standard::CONNECT_TOKEN_BYTES;
use crate::token::ConnectToken;

/// Length of a sealed token.
pub const SEALED_TOKEN_BYTES: usize = FRONT_BYTES + CONNECT_TOKEN_BYTES + TAG_BYTES;

const FRONT_BYTES: usize = 1 + ENCAPSULATED_KEY_BYTES;
const VERSION: u8 = 2;
const LABEL: &[u8; 21] = b"NETCODE SEALED TOKEN\0";
const INFO_BYTES: usize = LABEL.len() + 8 + 8 + DEVICE_NONCE_BYTES;

/// Length of a [`DeviceNonce`].
pub const DEVICE_NONCE_BYTES: usize = 16;

/// Device id, assigned by the backend. Not secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DeviceId(pub u64);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Nonce that a device draws for one token and sends with its request, so that only the reply to
/// this request opens. Not secret.
///
/// Draw a new one for each request, and discard it when a token was opened with it or the device
/// restarts: messages recorded before then no longer open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DeviceNonce([u8; DEVICE_NONCE_BYTES]);

impl DeviceNonce {
    /// No nonce, for a device that cannot request its tokens. It must distinguish a new token from
    /// a recorded one by other means: see the [module](super#replayed-tokens).
    pub const NONE: Self = Self([0; DEVICE_NONCE_BYTES]);

    /// Draws a nonce. The generator must not repeat its output after a reset: seed it from
    /// hardware.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut nonce = Self::NONE;
        rng.fill_bytes(&mut nonce.0);
        nonce
    }

    /// Nonce received from a device.
    pub const fn from_bytes(bytes: [u8; DEVICE_NONCE_BYTES]) -> Self {
        Self(bytes)
    }

    /// Bytes to send to the backend.
    pub const fn as_bytes(&self) -> &[u8; DEVICE_NONCE_BYTES] {
        &self.0
    }
}

/// Context that a sealed token is bound to. Both sides must agree on all of it, or the token does
/// not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SealContext {
    /// Protocol id.
    pub protocol_id: ProtocolId,
    /// Device that the token is for.
    pub device_id: DeviceId,
    /// Nonce of the device's request.
    pub nonce: DeviceNonce,
}

impl SealContext {
    fn info(&self) -> Vec<u8, INFO_BYTES> {
        let mut info = Vec::from_array(*LABEL);
        // The fields, 21, 8, 8 and 16 bytes, fit.
        let _ = info.extend_from_slice(&self.protocol_id.0.to_le_bytes());
        let _ = info.extend_from_slice(&self.device_id.0.to_le_bytes());
        let _ = info.extend_from_slice(&self.nonce.0);
        info
    }
}

/// Error of sealing: the device's public key is of low order, which no device draws. Request the
/// key from the device again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SealError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the device's public key cannot be sealed to")
    }
}

impl core::error::Error for SealError {}

/// Reason for which a sealed token does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OpenError {
    /// The message is not [`SEALED_TOKEN_BYTES`] long: part of it was lost in transit.
    Length {
        /// Length given, bytes.
        len: usize,
    },
    /// The first byte is a version unknown to this device: update the device.
    Version {
        /// Version found.
        found: u8,
    },
    /// The token is for another device, application or request, from another sealer, or was
    /// modified. Request another.
    Unauthentic,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { len } => {
                write!(f, "a sealed token is {SEALED_TOKEN_BYTES} bytes, not {len}")
            }
            Self::Version { found } => write!(f, "sealed token of unknown version {found}"),
            Self::Unauthentic => f.write_str(
                "sealed for another device, application or request, by another sealer, or changed",
            ),
        }
    }
}

impl core::error::Error for OpenError {}

/// Seals a token to a device, into `message`.
///
/// # Errors
/// [`SealError`]. `message` is then all zeros.
pub fn seal_token(
    context: &SealContext,
    from: &SealerSecret,
    to: &DevicePublic,
    token: &ConnectToken,
    rng: &mut impl CryptoRng,
    message: &mut [u8; SEALED_TOKEN_BYTES],
) -> Result<(), SealError> {
    let sealed = write(context, from, to, token, rng, message);
    if sealed.is_none() {
        message.zeroize();
    }
    sealed.ok_or(SealError)
}

fn write(
    context: &SealContext,
    from: &SealerSecret,
    to: &DevicePublic,
    token: &ConnectToken,
    rng: &mut impl CryptoRng,
    message: &mut [u8; SEALED_TOKEN_BYTES],
) -> Option<()> {
    let (version, rest) = message.split_first_mut()?;
    let (key, rest) = rest.split_first_chunk_mut::<ENCAPSULATED_KEY_BYTES>()?;
    let (body, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
    *version = VERSION;
    body.copy_from_slice(token);
    (*key, *tag) = suite::seal(from, to, &context.info(), &[VERSION], body, rng).ok()?;
    Some(())
}

/// Opens a sealed token in place and returns it, for
/// [`Client::connect`](crate::client::Client::connect).
///
/// # Errors
/// See [`OpenError`]. `message` is then all zeros, unless its length was wrong.
pub fn open_token<'m>(
    context: &SealContext,
    to: &DeviceSecret,
    from: &SealerPublic,
    message: &'m mut [u8],
) -> Result<&'m [u8; CONNECT_TOKEN_BYTES], OpenError> {
    let length = OpenError::Length { len: message.len() };
    let message: &mut [u8; SEALED_TOKEN_BYTES] = message.try_into().map_err(|_| length)?;
    if let Err(error) = read(context, to, from, message) {
        message.zeroize();
        return Err(error);
    }
    let body = message.get(FRONT_BYTES..).and_then(<[u8]>::first_chunk);
    body.ok_or(length)
}

fn read(
    context: &SealContext,
    to: &DeviceSecret,
    from: &SealerPublic,
    message: &mut [u8; SEALED_TOKEN_BYTES],
) -> Result<(), OpenError> {
    let (&mut found, rest) = message.split_first_mut().ok_or(OpenError::Unauthentic)?;
    if found != VERSION {
        return Err(OpenError::Version { found });
    }
    let (key, rest) = rest.split_first_chunk_mut().ok_or(OpenError::Unauthentic)?;
    let (body, tag) = rest.split_last_chunk_mut().ok_or(OpenError::Unauthentic)?;
    suite::open(from, to, &context.info(), &[VERSION], key, body, tag)
        .map_err(|_| OpenError::Unauthentic)
}
