//! Keys, the backend's address, the date and randomness: the seam between the firmware and the
//! world.
//!
//! Under emulation they come from the host by semihosting, some as files in the emulator's folder.
//! On a real device replace the bodies: keys lie in protected flash, the date comes by NTP,
//! randomness from the chip's generator.

use core::ffi::CStr;
use core::net::SocketAddrV4;

use netcode_core::UnixTime;
use netcode_core::crypto::Key;
use netcode_core::sealed::{DeviceId, DeviceNonce, DeviceSecret, SealerPublic};
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

/// Name of the backend, for a proxy that serves several.
pub const BACKEND_HOST: &str = "localhost";

/// Address of the backend, from the file `backend.address`: `127.0.0.1:8080`; `None` while it is
/// not known. A product has it in its flash, or asks DHCP or DNS.
pub fn backend() -> Option<SocketAddrV4> {
    let mut text = [0; "255.255.255.255:65535\n".len()];
    let mut file = File::open(c"backend.address").ok()?;
    let len = file.read(&mut text).ok()?;
    let text = text.get(..len)?.trim_ascii_end();
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// An unpredictable number, for one request for a token; `None` if there is no randomness, and
/// then none is asked for. A chip without a generator remembers the newest token that it took
/// instead: see `netcode_core::sealed`.
pub fn nonce() -> Option<DeviceNonce> {
    random().map(DeviceNonce::from_bytes)
}

/// Unpredictable bytes; `None` if there are none, and then there is no server.
pub fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    random::fill_bytes(&mut bytes).is_ok().then_some(bytes)
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
