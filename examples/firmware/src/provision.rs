//! Tokens, keys, the date and randomness: the seam between the firmware and the world.
//!
//! Under emulation all of them come from the host by semihosting, as files in the emulator's
//! folder. On a real device replace the bodies: a token arrives as a message over a serial line,
//! UDP or a modem, keys lie in protected flash, the date comes by NTP, randomness from the chip's
//! generator. Nothing here is baked in at build time, since tokens expire.

use core::ffi::CStr;

use netcode_core::UnixTime;
use netcode_core::crypto::Key;
use netcode_core::sealed::{DEVICE_NONCE_BYTES, DeviceId, DeviceNonce, DeviceSecret, SealerPublic};
use semihosting::experimental::{random, time};
use semihosting::fs::File;
use semihosting::io::Read;

/// Id of this device.
pub const DEVICE_ID: DeviceId = DeviceId(7);

/// X25519 secret that opens the device's tokens. A product generates its own at the factory; this
/// one is in the repository, and so is no secret.
pub fn device_secret() -> DeviceSecret {
    DeviceSecret::from_bytes(*b"example device key, not a secret")
}

/// The backend whose tokens this device takes, pinned. Its secret half is
/// `example backend key, no secret..`.
pub fn sealer() -> SealerPublic {
    SealerPublic::from_bytes(SEALER)
}

const SEALER: [u8; 32] = [
    0x49, 0x3f, 0x82, 0x7e, 0x94, 0x0d, 0xce, 0x8d, 0x63, 0xf1, 0xc0, 0xd4, 0xbe, 0xb1, 0x09, 0xe1,
    0x69, 0x76, 0xc5, 0xc9, 0x75, 0x49, 0x0d, 0x36, 0x6a, 0x5f, 0xc3, 0x22, 0xa5, 0x06, 0x79, 0x08,
];

/// An unpredictable number, for one request for a token; `None` if there is no randomness, and
/// then none is asked for. A chip without a generator remembers the newest token that it took
/// instead: see `netcode_core::sealed`.
pub fn nonce() -> Option<DeviceNonce> {
    let mut nonce = [0; DEVICE_NONCE_BYTES];
    let drawn = random::fill_bytes(&mut nonce).is_ok();
    drawn.then(|| DeviceNonce::from_bytes(nonce))
}

/// Reads the next sealed token into `message`; false while there is none.
pub fn next_token(message: &mut [u8]) -> bool {
    let read = read(c"sensor.token", message);
    // Each is used once: the next is waited for.
    read && semihosting::fs::remove_file(c"sensor.token").is_ok()
}

/// The private key a server shares with its backend.
pub fn server_key() -> Option<Key> {
    let mut bytes = [0; 32];
    read(c"hub.key", &mut bytes).then(|| Key::from_bytes(bytes))
}

/// Fills `bytes` from a file that has at least as many.
fn read(name: &CStr, bytes: &mut [u8]) -> bool {
    File::open(name).is_ok_and(|mut file| file.read_exact(bytes).is_ok())
}

/// The date, to the second; `None` if it is not known, and then there is no server: a token expires
/// by it.
pub fn date() -> Option<UnixTime> {
    let since = time::SystemTime::now().duration_since(time::SystemTime::UNIX_EPOCH);
    let seconds = since.ok()?.as_secs();
    (seconds > 0).then(|| UnixTime::from_secs(seconds))
}

/// 32 unpredictable bytes; `None` if there are none, and then there is no server.
pub fn seed() -> Option<[u8; 32]> {
    let mut seed = [0; 32];
    random::fill_bytes(&mut seed).is_ok().then_some(seed)
}
